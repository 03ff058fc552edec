"""The clients of SAP's RFC behind one interface."""
