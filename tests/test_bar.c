/* The progress line at all widths. */
#include "cli/bar.c"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void shows(void **state) {
    (void)state;
    bar b = {.done = 12, .total = 500, .size_done = 250, .size_total = 1000, .bytes_in = 1000, .bytes_out = 100, .pixels = 83e6, .seconds = 10, .file = "photos/a.jpg"};
    char text[400];
    bar_text(&b, 120, text, sizeof text);
    assert_string_equal(text, "12/500 [#####               ]  25 %  8.3 MP/s  10.0:1  0:30 left  photos/a.jpg");
    bar_text(&b, 60, text, sizeof text);
    assert_string_equal(text, "12/500  25 %  8.3 MP/s  10.0:1  0:30 left  photos/a.jpg");
    b.seconds = 10000;
    bar_text(&b, 50, text, sizeof text);
    assert_string_equal(text, "12/500  25 %  0.0083 MP/s  10.0:1  8:20:00 left");
    b = (bar){.done = 0, .total = 3, .file = "x"};
    bar_text(&b, 60, text, sizeof text);
    assert_string_equal(text, "0/3   0 %  x");
}

/* At every width, and with names of any bytes: never longer than the line, nothing that moves the cursor. */
static void fits(void **state) {
    (void)state;
    static const char *const names[] = {"plain.jpg", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e/\xe5\x86\x99\xe7\x9c\x9f.jpg", "a\x1b[2Jb\r\nc", "\302\2332J\377\376", "\xc3\xa4\xc3\xb6\xc3\xbc.png",
                                        "a/very/long/name/that/does/not/fit/on/most/of/the/lines/of/a/terminal/and/goes/on/and/on.jpg"};
    bar b = {.done = 12, .total = 500, .size_done = 250, .size_total = 1000, .bytes_in = 1000, .bytes_out = 100, .pixels = 83e6, .seconds = 10};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (unsigned columns = 0; columns < 200; columns++) {
            char text[300];
            b.file = names[i];
            const size_t n = bar_text(&b, columns, text, sizeof text);
            assert_int_equal(strlen(text), n);
            unsigned used = 0;
            for (const unsigned char *p = (const unsigned char *)text; *p;) {
                const size_t bytes = character(p);
                assert_true(printable(p, bytes));
                used += width(p, bytes);
                p += bytes;
            }
            if (columns) assert_true(used < columns);
        }
    char small[20];
    assert_true(bar_text(&b, 100, small, sizeof small) < sizeof small);
}

static void cleans(void **state) {
    (void)state;
    char text[] = "a\x1b[2J\r\nb\t\x7f \302\233K \233 \344 \xc3\xa4\xe6\x97\xa5\302";
    bar_clean(text);
    assert_string_equal(text, "a?[2J??b?? ??K ? \344 \xc3\xa4\xe6\x97\xa5\302");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shows), cmocka_unit_test(fits), cmocka_unit_test(cleans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
