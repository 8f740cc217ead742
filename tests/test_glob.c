/* Patterns of names, and what lists of them take. */
#include "cli/glob.c"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static void patterns(void **state) {
    (void)state;
    static const struct { const char *pattern, *text; bool matches; } table[] = {
        {"", "", true}, {"", "a", false}, {"a", "", false}, {"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ab", false}, {"ab", "abc", false},
        {"*", "", true}, {"*", "abc", true}, {"*", "a/b", false}, {"*.jpg", "a.jpg", true}, {"*.jpg", ".jpg", true}, {"*.jpg", "a.jpg.png", false},
        {"*.jpg", "a.jpg.jpg", true}, {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false}, {"*/b", "a/b", true}, {"*/b", "a/c/b", false},
        {"?", "a", true}, {"?", "", false}, {"?", "/", false}, {"a?c", "abc", true}, {"[abc]", "b", true}, {"[abc]", "d", false}, {"[!abc]", "d", true},
        {"[^abc]", "a", false}, {"[a-c]x", "bx", true}, {"[a-c]", "d", false}, {"[]]", "]", true}, {"[!]]", "]", false}, {"[a-]", "-", true}, {"[\\]]", "]", true},
        {"[", "[", true}, {"[ab", "[ab", true}, {"[!a]", "/", false}, {"[+-9]", "/", false}, {"\\*", "*", true}, {"\\*", "a", false}, {"a\\", "a\\", true},
        {"**", "a/b/c", true}, {"**", "", true}, {"a/**", "a/b/c", true}, {"a/**", "a", false}, {"**/c", "a/b/c", true}, {"**/c", "c", true}, {"**/c", "a/bc", false},
        {"a/**/c", "a/c", true}, {"a/**/c", "a/b/b/c", true}, {"a/**/c", "ac", false}, {"a/**/c", "a/bc", false}, {"a**c", "a/b/c", true},
        {"a**/c", "ac", false}, {"**/*.jpg", "x/y.jpg", true}, {"**/a*/b", "q/ax/b", true}, {"**/a*/b", "ax/c/ay/b", true}, {"**/a*/b", "ax/y/b", false},
        {"\xc3\xa4*", "\xc3\xa4x", true}, {"[\xa0-\xff]", "\xe4", true}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (glob_matches(table[i].pattern, table[i].text) != table[i].matches)
            fail_msg("\"%s\" against \"%s\": not %d", table[i].pattern, table[i].text, table[i].matches);
}

/* Nobody's pattern takes for ever. */
static void time_is_bounded(void **state) {
    (void)state;
    char pattern[600], text[600];
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = "*a**/"[i % 5];
        text[i] = "aaaa/"[i % 5];
    }
    pattern[sizeof pattern - 1] = 'b';
    text[sizeof text - 1] = 'a';
    char *p = strndup(pattern, sizeof pattern), *t = strndup(text, sizeof text);
    const clock_t start = clock();
    assert_false(glob_matches(p, t));
    assert_true(clock() - start < CLOCKS_PER_SEC);
    free(p);
    free(t);
}

static void paths(void **state) {
    (void)state;
    static const struct { const char *pattern, *path; bool matches; } table[] = {
        {"*.jpg", "a/b/c.jpg", true}, {"b", "a/b/c.jpg", true}, {"b/", "a/b/c.jpg", true}, {"c.jpg/", "a/b/c.jpg", false}, {"c.jpg", "a/b/c.jpg", true},
        {"/b", "a/b/c.jpg", false}, {"/a", "a/b/c.jpg", true}, {"a/b", "a/b/c.jpg", true}, {"b/c.jpg", "a/b/c.jpg", false}, {"**/b/c.jpg", "a/b/c.jpg", true},
        {"/*.jpg", "c.jpg", true}, {"/*.jpg", "a/c.jpg", false}, {"a/*.jpg", "a/c.jpg", true}, {"a/*.jpg", "a/b/c.jpg", false}, {"a/**/*.jpg", "a/b/c.jpg", true},
        {"", "a", false}, {"/", "a", false}, {"a//", "a/b", true}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (filter_matches(table[i].pattern, table[i].path) != table[i].matches)
            fail_msg("\"%s\" for %s: not %d", table[i].pattern, table[i].path, table[i].matches);
}

static void lists(void **state) {
    (void)state;
    const filter only[] = {{"*.jpg", true}, {"thumbs", false}}, but[] = {{"*", false}, {"*.jpg", true}}, without[] = {{"thumbs/", false}, {"*.gif", false}};
    assert_true(filters_take(only, 0, "a"));
    assert_true(filters_take(only, 2, "x/a.jpg"));
    assert_false(filters_take(only, 2, "x/a.png"));
    assert_false(filters_take(only, 2, "thumbs/a.jpg"));
    assert_true(filters_take(but, 2, "x/a.jpg"));
    assert_false(filters_take(but, 2, "x/a.png"));
    assert_true(filters_take(without, 2, "a.jpg"));
    assert_true(filters_take(without, 2, "thumbs"));
    assert_false(filters_take(without, 2, "thumbs/a.jpg"));
    assert_true(filters_prune(only, 2, "x/thumbs"));
    assert_false(filters_prune(only, 2, "x"));
    assert_false(filters_prune(but, 2, "x"));        /* a.jpg in it would be taken */
    assert_true(filters_prune(without, 2, "thumbs"));
    assert_false(filters_prune(only, 0, "x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(patterns), cmocka_unit_test(time_is_bounded), cmocka_unit_test(paths), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
