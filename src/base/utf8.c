#include "base/utf8.h"

size_t utf8_next(const char *s, size_t n, uint32_t *point)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least; /* a smaller value in this length is an overlong form */
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};

    const unsigned char *u = (const unsigned char *)s;
    for (size_t extra = 0; extra < sizeof forms / sizeof forms[0]; extra++) {
        if ((u[0] & forms[extra].mask) != forms[extra].lead)
            continue;
        if (extra >= n)
            return 0;
        uint32_t p = u[0] & (unsigned char)~forms[extra].mask;
        for (size_t i = 1; i <= extra; i++) {
            if ((u[i] & 0xC0) != 0x80)
                return 0;
            p = p << 6 | (u[i] & 0x3Fu);
        }
        if (p < forms[extra].least || p > 0x10FFFF || (p >= 0xD800 && p <= 0xDFFF))
            return 0;
        *point = p;
        return extra + 1;
    }
    return 0;
}
