"""Mainframe data without screens: extract files, and answers of Java connectors.

Arrow and Java are loaded when a source opens, the options without them.
"""

from connectors.mainframe.records.files import FileSource
from connectors.mainframe.records.java import JavaSource
from connectors.mainframe.records.java_options import JavaOptions
from connectors.mainframe.records.options import FileOptions

__all__ = ["FileOptions", "FileSource", "JavaOptions", "JavaSource"]
