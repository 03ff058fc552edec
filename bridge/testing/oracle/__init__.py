"""An Oracle Database to be read and ill-treated: its wire protocol, and a store that keeps what was by SCN.

`store` has the tables and their past, `grammar` reads statements and `engine` runs them (`evaluate.execute`),
`dictionary` shows it to itself, `server` speaks to clients. It models what the manuals of Oracle say, each
rule with its chapter; a statement it does not know is refused, as ORA-00900 or what the manual gives, so that
nothing passes by accident. It is a simulator: no Oracle code.
"""
