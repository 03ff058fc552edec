"""A mainframe to be read, and to be ill-treated: `Host` has an application of ours, `Replay` plays recordings."""

from bridge.testing.mainframe.customers import Customer, customer
from bridge.testing.mainframe.desk import Told
from bridge.testing.mainframe.host import Host
from bridge.testing.mainframe.switches import Switches, TwoWrites

__all__ = ["Customer", "Host", "Switches", "Told", "TwoWrites", "customer"]
