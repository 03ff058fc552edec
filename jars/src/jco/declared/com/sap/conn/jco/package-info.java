/**
 * What the helper in bridge.jco uses of SAP's Java Connector 3, as its public Javadoc declares it: to compile
 * against, and for nothing else. At run time the customer's sapjco3.jar has these types; no jar of ours does.
 */
package com.sap.conn.jco;
