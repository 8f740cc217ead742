/* A string as JSON that may stand in a page's <script>. Bytes that are no valid UTF-8 (file names) become U+FFFD. */
#ifndef VQZ_CLI_JSON_H
#define VQZ_CLI_JSON_H
#include <stdio.h>

void json_string(FILE *to, const char *text);
#endif
