/* test_gdk_pixbuf FILE PAM   gdk-pixbuf loads FILE, at once and in pieces of several sizes; turned upright, it must have the pixels of PAM.
 * test_gdk_pixbuf FILE -     gdk-pixbuf must refuse FILE. */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <string.h>

static int bad(const char *what, const GError *error) {
    fprintf(stderr, "FAIL: %s%s%s\n", what, error ? ": " : "", error ? error->message : "");
    return 1;
}

static GdkPixbuf *in_pieces(const char *path, gsize piece, GError **error) {
    gchar *data;
    gsize size;
    GdkPixbufLoader *loader = gdk_pixbuf_loader_new();
    GdkPixbuf *pixbuf = NULL;
    gboolean good = g_file_get_contents(path, &data, &size, error);
    for (gsize at = 0; good && at < size; at += piece) good = gdk_pixbuf_loader_write(loader, (guchar *)data + at, MIN(piece, size - at), error);
    if (!gdk_pixbuf_loader_close(loader, good ? error : NULL)) good = FALSE;
    if (good) pixbuf = g_object_ref(gdk_pixbuf_loader_get_pixbuf(loader));
    g_object_unref(loader);
    return pixbuf;
}

/* Gray is red, green and blue in gdk-pixbuf. */
static int compare(GdkPixbuf *pixbuf, const char *pam) {
    gchar *data, *depth, *at;
    gsize size;
    GdkPixbuf *upright = gdk_pixbuf_apply_embedded_orientation(pixbuf);
    if (!g_file_get_contents(pam, &data, &size, NULL) || !(depth = strstr(data, "DEPTH ")) || !(at = strstr(depth, "ENDHDR\n"))) return bad("no PAM file", NULL);
    const int width = gdk_pixbuf_get_width(upright), height = gdk_pixbuf_get_height(upright), channels = gdk_pixbuf_get_n_channels(upright);
    const int samples = depth[strlen("DEPTH ")] - '0', colours = samples < 3 ? 1 : 3;
    at += strlen("ENDHDR\n");
    if ((gsize)(data + size - at) != (gsize)width * (gsize)height * (gsize)samples || samples - colours != channels - 3) return bad("another size", NULL);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, at += samples) {
            const guchar *p = gdk_pixbuf_get_pixels(upright) + y * gdk_pixbuf_get_rowstride(upright) + x * channels;
            for (int c = 0; c < channels; c++)
                if (p[c] != (guchar)at[c == 3 ? colours : c % colours]) return bad("other pixels", NULL);
        }
    g_object_unref(upright);
    g_free(data);
    return 0;
}

int main(int argc, char **argv) {
    static const gsize pieces[] = {1, 1000, 1 << 20};
    GError *error = NULL;
    if (argc != 3) return 2;
    GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file(argv[1], &error);
    if (strcmp(argv[2], "-") == 0) {
        if (pixbuf || !error || !error->message[0]) return bad("it was not refused", NULL);
        printf("%s\n", error->message);
        return 0;
    }
    if (!pixbuf) return bad("from a file", error);
    if (compare(pixbuf, argv[2])) return 1;
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        pixbuf = in_pieces(argv[1], pieces[i], &error);
        if (!pixbuf) return bad("in pieces", error);
        if (compare(pixbuf, argv[2])) return 1;
    }
    return 0;
}
