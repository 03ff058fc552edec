/* Arrow columns to JSON texts, one object a row, all in one buffer. Loaded by rows.py, which knows these structures. */

#include <stdint.h>
#include <string.h>

#define SHOWN __attribute__((visibility("default")))

enum kind { NONE, RAW, TEXT, BOOLEAN, SIGNED8, SIGNED16, SIGNED32, SIGNED64, UNSIGNED8, UNSIGNED16, UNSIGNED32,
            UNSIGNED64, DATE, TIMESTAMP, DECIMAL };

typedef struct {
    int32_t kind;
    int16_t digits;          /* of a timestamp's or decimal's fraction */
    int8_t least;            /* of a timestamp's, to which it is shortened where the others are zeros */
    int8_t is_utc;           /* a timestamp has the suffix Z */
    int64_t offset;          /* of the first row in the buffers */
    const uint8_t *validity; /* NULL: no nulls */
    const uint8_t *values;
    const uint8_t *ends;     /* of texts, 32 bits each */
    const char *lead;        /* what stands before the value in each row */
    int64_t lead_size;
} column;

static const char PAIRS[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static char *two(char *at, unsigned number) {
    memcpy(at, PAIRS + 2 * number, 2);
    return at + 2;
}

static char *unsigned_number(char *at, uint64_t number) {
    char digits[20], *from = digits + sizeof digits;
    while (number >= 100) {
        from -= 2;
        memcpy(from, PAIRS + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        from -= 2;
        memcpy(from, PAIRS + 2 * number, 2);
    } else {
        *--from = (char)('0' + number);
    }
    size_t size = (size_t)(digits + sizeof digits - from);
    memcpy(at, from, size);
    return at + size;
}

static char *signed_number(char *at, int64_t number) {
    if (number < 0) {
        *at++ = '-';
        return unsigned_number(at, -(uint64_t)number);
    }
    return unsigned_number(at, (uint64_t)number);
}

static char *padded(char *at, uint64_t number, int digits) {
    for (int i = digits; i-- > 0; number /= 10) {
        at[i] = (char)('0' + number % 10);
    }
    return at + digits;
}

/* Days since 1970 of years 0 to 9999 (Hinnant's civil_from_days). */
static char *date(char *at, int64_t days) {
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    unsigned year = (unsigned)((int64_t)year_of_era + era * 400 + (month <= 2));
    at = two(two(at, year / 100), year % 100);
    *at++ = '-';
    at = two(at, month);
    *at++ = '-';
    return two(at, day);
}

/* Without its last digits if they are zeros, and without a point behind which there is none. */
static char *shortened(char *at, int digits) {
    for (int i = 1; i <= digits; i++) {
        if (at[-i] != '0') {
            return at;
        }
    }
    at -= digits;
    return at[-1] == '.' ? at - 1 : at;
}

static char *timestamp(char *at, int64_t count, int digits, int least) {
    int64_t second = 1;
    for (int i = 0; i < digits; i++) {
        second *= 10;
    }
    int64_t day = 86400 * second;
    int64_t days = count / day, rest = count % day;
    if (rest < 0) {
        days -= 1;
        rest += day;
    }
    unsigned seconds = (unsigned)(rest / second);
    at = date(at, days);
    *at++ = 'T';
    at = two(at, seconds / 3600);
    *at++ = ':';
    at = two(at, seconds / 60 % 60);
    *at++ = ':';
    at = two(at, seconds % 60);
    if (digits) {
        *at++ = '.';
        at = padded(at, (uint64_t)(rest % second), digits);
    }
    return least < digits ? shortened(at, digits - least) : at;
}

static char *decimal(char *at, const uint8_t *value, int scale) {
    __int128 number;
    memcpy(&number, value, sizeof number);
    unsigned __int128 left = number < 0 ? -(unsigned __int128)number : (unsigned __int128)number;
    char digits[40], *from = digits + sizeof digits;
    while (left > UINT64_MAX) {
        *--from = (char)('0' + (int)(left % 10));
        left /= 10;
    }
    for (uint64_t low = (uint64_t)left; low; low /= 10) {
        *--from = (char)('0' + low % 10);
    }
    while (digits + sizeof digits - from <= scale) {
        *--from = '0';
    }
    if (number < 0) {
        *at++ = '-';
    }
    size_t whole = (size_t)(digits + sizeof digits - from) - (size_t)scale;
    memcpy(at, from, whole);
    at += whole;
    if (scale) {
        *at++ = '.';
        memcpy(at, from + whole, (size_t)scale);
        at += scale;
    }
    return at;
}

static const uint8_t ESCAPES[256] = {
    [0] = 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    ['"'] = '"', ['\\'] = '\\',
};

/* Has one of the eight bytes to be escaped: a quote, a backslash, or below a space? */
static int is_special(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\');
    return (((eight - ones * 0x20) & ~eight) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs ? 1 : 0;
}

static char *escaped(char *at, const uint8_t *from, const uint8_t *end) {
    for (uint64_t eight; end - from >= 8; from += 8) {
        memcpy(&eight, from, 8);
        if (is_special(eight)) {
            break;
        }
        memcpy(at, &eight, 8);
        at += 8;
    }
    for (; from < end; from++) {
        uint8_t escape = ESCAPES[*from];
        if (!escape) {
            *at++ = (char)*from;
            continue;
        }
        *at++ = '\\';
        *at++ = (char)escape;
        if (escape == 'u') {
            memcpy(at, *from < 16 ? "000" : "001", 3);
            at[3] = "0123456789abcdef"[*from & 15];
            at += 4;
        }
    }
    return at;
}

/* Arrow's buffers need not be aligned where another program has made them. */
#define FROM(buffer, type, place) type found; memcpy(&found, (buffer) + (place) * (int64_t)sizeof found, sizeof found)
#define NUMBER(type, text) { FROM(each->values, type, place); return text(at, found); }

static int32_t end_of(const column *each, int64_t place) {
    FROM(each->ends, int32_t, place);
    return found;
}

static char *value(char *at, const column *each, int64_t place) {
    switch (each->kind) {
    case RAW:
    case TEXT: {
        const uint8_t *from = each->values + end_of(each, place), *end = each->values + end_of(each, place + 1);
        if (each->kind == RAW) {
            memcpy(at, from, (size_t)(end - from));
            return at + (end - from);
        }
        *at++ = '"';
        at = escaped(at, from, end);
        *at++ = '"';
        return at;
    }
    case BOOLEAN:
        if (each->values[place >> 3] >> (place & 7) & 1) {
            memcpy(at, "true", 4);
            return at + 4;
        }
        memcpy(at, "false", 5);
        return at + 5;
    case SIGNED8: NUMBER(int8_t, signed_number)
    case SIGNED16: NUMBER(int16_t, signed_number)
    case SIGNED32: NUMBER(int32_t, signed_number)
    case SIGNED64: NUMBER(int64_t, signed_number)
    case UNSIGNED8: NUMBER(uint8_t, unsigned_number)
    case UNSIGNED16: NUMBER(uint16_t, unsigned_number)
    case UNSIGNED32: NUMBER(uint32_t, unsigned_number)
    case UNSIGNED64: NUMBER(uint64_t, unsigned_number)
    case DATE:
    case TIMESTAMP:
    case DECIMAL:
        *at++ = '"';
        if (each->kind == DATE) {
            FROM(each->values, int32_t, place);
            at = date(at, found);
        } else if (each->kind == TIMESTAMP) {
            FROM(each->values, int64_t, place);
            at = timestamp(at, found, each->digits, each->least);
        } else {
            at = decimal(at, each->values + 16 * place, each->digits);
        }
        if (each->is_utc) {
            *at++ = 'Z';
        }
        *at++ = '"';
        return at;
    default:
        memcpy(at, "null", 4);
        return at + 4;
    }
}

/* What it was compiled from, as compile.py says: who knows other structures does not load it. */
SHOWN const char *bridge_sources(void) {
    return SOURCES;
}

/* Write all rows to `out`, which has to be large enough, and where each one ends to `ends` (the first place is 0).
   Returns the size of the longest. */
SHOWN int64_t bridge_rows(const column *columns, int32_t count, const char *tail, int64_t tail_size, int64_t rows,
                    char *out, int64_t *ends) {
    char *at = out;
    int64_t longest = 0;
    ends[0] = 0;
    for (int64_t row = 0; row < rows; row++) {
        for (const column *each = columns; each < columns + count; each++) {
            memcpy(at, each->lead, (size_t)each->lead_size);
            at += each->lead_size;
            int64_t place = each->offset + row;
            if (each->validity && !(each->validity[place >> 3] >> (place & 7) & 1)) {
                memcpy(at, "null", 4);
                at += 4;
            } else {
                at = value(at, each, place);
            }
        }
        memcpy(at, tail, (size_t)tail_size);
        at += tail_size;
        ends[row + 1] = at - out;
        if (ends[row + 1] - ends[row] > longest) {
            longest = ends[row + 1] - ends[row];
        }
    }
    return longest;
}
