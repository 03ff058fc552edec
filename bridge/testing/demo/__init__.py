"""The demo: an order system, a broker and the bridge on one stage, ill-treated and then compared."""
