package com.sap.conn.jco;

import java.io.Serializable;

public interface JCoAttributes extends Serializable {
    String getPartnerHost();

    String getSystemID();

    String getClient();

    String getUser();

    String getPartnerCodepage();

    int getPartnerBytesPerChar();

    String getPartnerRelease();
}
