"""A mainframe to be read and ill-treated: `Host` runs an application of ours, `Replay` plays recordings."""

from bridge.testing.mainframe.customers import Customer, customer
from bridge.testing.mainframe.desk import Told
from bridge.testing.mainframe.host import Host
from bridge.testing.mainframe.recording import Recorder, Recording
from bridge.testing.mainframe.replay import Replay, Spoiling, by_chance, pieces
from bridge.testing.mainframe.spoiling import spoilt
from bridge.testing.mainframe.switches import Switches, TwoWrites

__all__ = [
    "Customer",
    "Host",
    "Recorder",
    "Recording",
    "Replay",
    "Spoiling",
    "Switches",
    "Told",
    "TwoWrites",
    "by_chance",
    "customer",
    "pieces",
    "spoilt",
]
