"""An ABAP system to be read and ill-treated: its dictionary, tables and function modules, behind RFC.

`abap` describes, `system` holds the tables and runs function modules (`readers`, `bapis`, `deep`, `metadata`,
`information`), `company` is a system with something in it, and `peer` serves it to clients. Each rule has its
source beside it: SAP's documentation, or public ABAP. It is a simulator: no SAP code.
"""
