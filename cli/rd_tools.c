/* Metrics that installed programs measure. */
#include "cli/hash.h"
#include "cli/rd.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const rd_metric_names[RD_METRICS] = {"psnr", "msssim", "ssimulacra2", "butteraugli"};
const char *const rd_metric_titles[RD_METRICS] = {"PSNR-RGB", "MS-SSIM", "SSIMULACRA2", "butteraugli"};

static const struct { rd_metric metric; const char *program, *mode, *package; } known[] = {
    {RD_SSIMULACRA2, "ssimulacra2", NULL, "libjxl's tools from 0.8 on"},
    {RD_SSIMULACRA2, "ssimulacra2_rs", "image", NULL},
    {RD_SSIMULACRA2, "ssymulacra2", NULL, NULL},         /* that is what the Python package ssimulacra2 calls it */
    {RD_BUTTERAUGLI, "butteraugli_main", NULL, "Debian package libjxl-devtools"},
};
enum { KNOWN = sizeof known / sizeof *known };

void rd_tools_find(rd_plan *p) {
    for (int m = RD_SSIMULACRA2; m < RD_METRICS; m++) {
        rd_tool *t = &p->tools[m];
        char why[160] = "";
        for (size_t i = 0; t->wanted && i < KNOWN && !t->path; i++) {
            uint64_t size;
            vqz_error e;
            if ((int)known[i].metric != m) continue;
            if (!why[0]) snprintf(why, sizeof why, "program %s not found (%s)", known[i].program, known[i].package);
            t->path = child_find(known[i].program);
            t->mode = known[i].mode;
            if (t->path && hash_file(t->path, &size, &t->identity, &e) != VQZ_OK) t->identity = 0;
        }
        if (t->wanted && !t->path) rd_plan_absent(p, rd_metric_names[m], why, p->o->metrics != NULL);
        t->wanted = t->wanted && t->path;
    }
}

/* A line that is a number, or "Score: " and a number. */
static bool score(const char *text, double *value) {
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *number = line + (strncmp(line, "Score: ", 7) == 0 ? 7 : 0);
        char *end;
        *value = strtod(number, &end);
        if (end != number && (*end == '\n' || !*end) && isfinite(*value)) return true;
    }
    return false;
}

static bool norm(const char *text, double *value) {
    const char *at = strstr(text, "3-norm:");
    char *end;
    if (!at) return false;
    *value = strtod(at + 7, &end);
    return end != at + 7 && isfinite(*value);
}

vqz_status rd_tool_run(const rd_plan *p, rd_metric m, const char *reference, const char *decoded, double *value, vqz_error *e) {
    const rd_tool *t = &p->tools[m];
    const char *const with[] = {t->path, t->mode, reference, decoded, NULL}, *const without[] = {t->path, reference, decoded, NULL};
    child_result said;
    const vqz_status s = child_run(t->path, t->mode ? with : without, NULL, &said, e);
    if (s != VQZ_OK) return s;
    if ((m == RD_BUTTERAUGLI ? norm : score)(said.text, value)) return VQZ_OK;
    const char *slash = strrchr(t->path, '/');
    return cli_fail(e, VQZ_ERR_UNSUPPORTED, NO_OFFSET, "%.40s says nothing that vqz understands", slash ? slash + 1 : t->path);
}
