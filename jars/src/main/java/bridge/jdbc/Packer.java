package bridge.jdbc;

import java.nio.ByteBuffer;

/** Brings a batch out of Java in one piece: all columns' buffers in one direct buffer, which it uses again. */
public final class Packer {
    private static final int ALIGNMENT = 64; // Arrow's recommendation
    private ByteBuffer out = ByteBuffer.allocateDirect(0);

    /** Pack the first `count` rows; returns offset and length of each column's validity, values and offsets. */
    public int[] pack(Cursor cursor, int count) {
        return pack(cursor.columns(), count);
    }

    /** The same of what the refused rows are known by. */
    public int[] packKeys(Cursor cursor) {
        return pack(cursor.refusals().columns(), cursor.refusals().count());
    }

    private int[] pack(Column[] columns, int count) {
        ByteBuffer[] parts = new ByteBuffer[columns.length * 3];
        for (int i = 0; i < columns.length; i++) {
            System.arraycopy(columns[i].buffers(count), 0, parts, i * 3, 3);
        }
        int[] layout = layout(parts);
        for (int i = 0; i < parts.length; i++) {
            out.position(layout[i * 2]);
            out.put(parts[i]);
        }
        return layout;
    }

    private int[] layout(ByteBuffer[] parts) {
        int[] layout = new int[parts.length * 2];
        int end = 0;
        for (int i = 0; i < parts.length; i++) {
            layout[i * 2] = end;
            layout[i * 2 + 1] = parts[i].remaining();
            end = Math.addExact(end, (parts[i].remaining() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        }
        if (out.capacity() < end) {
            out = ByteBuffer.allocateDirect(end);
        }
        return layout;
    }

    /** What the last `pack` wrote; the next one writes over it. */
    public ByteBuffer packed() {
        return out.duplicate().clear();
    }
}
