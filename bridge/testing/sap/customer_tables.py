"""KNA1 and KNB1: customers, general data and data of a company code, with a part of their columns.

Columns, lengths and check tables: sapdatasheet.org and stechno.net, KNA1 and KNB1.
"""

from __future__ import annotations

from bridge.testing.sap.abap import Field, Structure, Table, Type, char, numc

_CLIENT = Field(
    "MANDT", Type("CLNT", name="MANDT", domain="MANDT"), key=True, text="Client", check_table="T000"
)
_NUMBER = Type("CHAR", 10, name="KUNNR", domain="KUNNR", exit="ALPHA")
_FLAG = char(1, "XFELD")


def _date(name: str, text: str, *, logged: bool = True) -> Field:
    return Field(name, Type("DATS", name=name, domain="DATUM"), text=text, logged=logged)


KNA1 = Table(
    Structure(
        "KNA1",
        (
            _CLIENT,
            Field("KUNNR", _NUMBER, key=True, text="Customer number", check_table="KNA1"),
            Field("LAND1", char(3, "LAND1_GP"), text="Country key", check_table="T005"),
            Field("NAME1", char(35, "NAME1_GP"), text="Name 1"),
            Field("NAME2", char(35, "NAME2_GP"), text="Name 2"),
            Field("ORT01", char(35, "ORT01_GP"), text="City"),
            Field("PSTLZ", char(10, "PSTLZ"), text="Postal code"),
            Field("REGIO", char(3, "REGIO"), text="Region (state, province, county)"),
            Field("SORTL", char(10, "SORTL"), text="Sort field"),
            Field("STRAS", char(35, "STRAS_GP"), text="House number and street"),
            Field("TELF1", char(16, "TELF1"), text="First telephone number"),
            Field("TELFX", char(31, "TELFX"), text="Fax number"),
            Field("XCPDK", _FLAG, text="Indicator: is the account a one-time account?"),
            Field("ADRNR", char(10, "ADRNR"), text="Address"),
            Field("MCOD1", char(25, "MCDD1"), text="Search term for matchcode search", logged=False),
            Field("MCOD2", char(25, "MCDD2"), text="Search term for matchcode search", logged=False),
            Field("MCOD3", char(25, "MCDD3"), text="Search term for matchcode search", logged=False),
            Field("ANRED", char(15, "ANRED"), text="Title"),
            Field("AUFSD", char(2, "AUFSD_X"), text="Central order block for customer"),
            Field("BAHNE", char(25, "BAHNE"), text="Express train station"),
            Field("BAHNS", char(25, "BAHNS"), text="Train station"),
            Field("BBBNR", numc(7, "BBBNR"), text="International location number (part 1)"),
            Field("BBSNR", numc(5, "BBSNR"), text="International location number (part 2)"),
            Field("BRSCH", char(4, "BRSCH"), text="Industry key"),
            Field("BUBKZ", numc(1, "BUBKZ"), text="Check digit for the international location number"),
            _date("ERDAT", "Date on which the record was created", logged=False),
            Field("ERNAM", char(12, "ERNAM_RF"), text="Name of person who created the object", logged=False),
            Field("FAKSD", char(2, "FAKSD_X"), text="Central billing block for customer"),
            Field("KNRZA", _NUMBER, text="Account number of an alternative payer", check_table="KNA1"),
            Field("KONZS", char(10, "KONZS"), text="Group key"),
            Field("KTOKD", char(4, "KTOKD"), text="Customer account group", check_table="T077D"),
            Field("KUKLA", char(2, "KUKLA"), text="Customer classification"),
            Field("LIFNR", Type("CHAR", 10, name="LIFNR", domain="LIFNR", exit="ALPHA"), text="Vendor"),
            Field("LIFSD", char(2, "LIFSD_X"), text="Central delivery block for the customer"),
            Field("LOEVM", char(1, "LOEVM_X"), text="Central deletion flag for master record"),
            Field("ORT02", char(35, "ORT02_GP"), text="District"),
            Field("PFACH", char(10, "PFACH"), text="PO box"),
            Field("SPERR", char(1, "SPERB_X"), text="Central posting block"),
            Field("SPRAS", Type("LANG", name="SPRAS", domain="SPRAS", exit="ISOLA"), text="Language key"),
            Field("STCD1", char(16, "STCD1"), text="Tax number 1"),
            Field("STCEG", char(20, "STCEG"), text="VAT registration number"),
            Field(
                "UMSA1",
                Type("CURR", 15, 2, name="UMSA1"),
                text="Annual sales",
                reference=("KNA1", "UWAER"),
            ),
            Field("UWAER", Type("CUKY", name="UWAER", domain="WAERS"), text="Currency of sales figure"),
            Field("JMZAH", Type("NUMC", 6, name="JMZAH"), text="Yearly number of employees"),
            _date("UPDAT", "Change date for central posting", logged=False),
            Field("UPTIM", Type("TIMS", name="UPTIM"), text="Change time for central posting", logged=False),
        ),
        "General data in customer master",
    ),
    indexes={"Z01": ("MANDT", "UPDAT", "UPTIM")},
    group="VC",
)

KNB1 = Table(
    Structure(
        "KNB1",
        (
            _CLIENT,
            Field("KUNNR", _NUMBER, key=True, text="Customer number", check_table="KNA1"),
            Field("BUKRS", char(4, "BUKRS"), key=True, text="Company code", check_table="T001"),
            _date("ERDAT", "Date on which the record was created", logged=False),
            Field("ERNAM", char(12, "ERNAM_RF"), text="Name of person who created the object", logged=False),
            Field("SPERR", char(1, "SPERB_B"), text="Posting block for company code"),
            Field("LOEVM", char(1, "LOEVM_B"), text="Deletion flag (company code level)"),
            Field(
                "AKONT", Type("CHAR", 10, name="AKONT", domain="SAKNR", exit="ALPHA"), text="Account in G/L"
            ),
            Field("ZTERM", char(4, "DZTERM"), text="Terms of payment key"),
            Field("VERDT", Type("DATS", name="VERDT"), text="Date of last interest calculation run"),
            Field("WEBTR", Type("CURR", 13, 2, name="WEBTR"), text="Bill limit", reference=("T001", "WAERS")),
            Field(
                "VLIBB", Type("CURR", 13, 2, name="VLIBB"), text="Amount insured", reference=("T001", "WAERS")
            ),
        ),
        "Customer master (company code)",
    )
)
