/* gdk-pixbuf loader: .vqz pictures in viewers and file managers of GNOME, Xfce, MATE and others. Of a sequence, the first picture. */
#define GDK_PIXBUF_ENABLE_BACKEND
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <vqz/vqz.h>

typedef struct loader {
    GdkPixbufModuleSizeFunc size_func;
    GdkPixbufModulePreparedFunc prepared_func;
    GdkPixbufModuleUpdatedFunc updated_func;
    gpointer user_data;
    vqz_decoder *decoder;
    GdkPixbuf *pixbuf;           /* NULL until the header is there */
    bool done;
} loader;

static gboolean fail(GError **error, vqz_status status, const vqz_error *why) {
    const bool memory = status == VQZ_ERR_MEMORY || status == VQZ_ERR_LIMIT;
    const int code = memory ? GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY : status == VQZ_ERR_UNSUPPORTED ? GDK_PIXBUF_ERROR_UNSUPPORTED_OPERATION : GDK_PIXBUF_ERROR_CORRUPT_IMAGE;
    g_set_error(error, GDK_PIXBUF_ERROR, code, "vqz: %s", why && why->status == status && why->text[0] ? why->text : vqz_status_text(status));
    return FALSE;
}

static void set_options(GdkPixbuf *pixbuf, const vqz_image_info *info) {
    if (info->orientation > 1) {
        char text[4];
        snprintf(text, sizeof text, "%u", (unsigned)info->orientation);
        gdk_pixbuf_set_option(pixbuf, "orientation", text);
    }
    if (info->meta.icc_size) {
        gchar *icc = g_base64_encode(info->meta.icc, info->meta.icc_size);
        gdk_pixbuf_set_option(pixbuf, "icc-profile", icc);
        g_free(icc);
    }
}

/* When the header is there: the picture, still black. */
static gboolean begin_picture(loader *l, const vqz_image_info *info, GError **error) {
    gint width = (gint)info->width, height = (gint)info->height;
    if (l->size_func) {
        l->size_func(&width, &height, l->user_data);
        if (width == 0 || height == 0) {         /* the size was all that was asked for */
            l->done = true;
            return TRUE;
        }
    }
    const bool alpha = info->layout == VQZ_GRAYA || info->layout == VQZ_RGBA;
    l->pixbuf = gdk_pixbuf_new(GDK_COLORSPACE_RGB, alpha, 8, (int)info->width, (int)info->height);
    if (!l->pixbuf) return fail(error, VQZ_ERR_MEMORY, NULL);
    memset(gdk_pixbuf_get_pixels(l->pixbuf), 0, gdk_pixbuf_get_byte_length(l->pixbuf));
    set_options(l->pixbuf, info);
    if (l->prepared_func) l->prepared_func(l->pixbuf, NULL, l->user_data);
    return TRUE;
}

/* A row of 1 to 4 samples per pixel as one of 3 or 4. */
static void put_row(guchar *to, const uint8_t *from, uint32_t width, vqz_layout layout) {
    if (layout == VQZ_RGB || layout == VQZ_RGBA) {
        memcpy(to, from, (size_t)width * layout);
        return;
    }
    for (uint32_t x = 0; x < width; x++, from += layout) {
        *to++ = from[0];
        *to++ = from[0];
        *to++ = from[0];
        if (layout == VQZ_GRAYA) *to++ = from[1];
    }
}

static gboolean receive(loader *l, GError **error) {
    vqz_file_info info;
    vqz_band band;
    vqz_status status = vqz_decoder_info(l->decoder, &info);
    if (status == VQZ_AGAIN) return TRUE;
    if (status != VQZ_OK) return fail(error, status, vqz_decoder_error(l->decoder));
    if (!l->pixbuf && !begin_picture(l, &info.image, error)) return FALSE;
    if (l->done) return TRUE;
    guchar *pixels = gdk_pixbuf_get_pixels(l->pixbuf);
    const size_t stride = (size_t)gdk_pixbuf_get_rowstride(l->pixbuf);
    while ((status = vqz_decoder_receive(l->decoder, &band)) == VQZ_OK) {
        for (uint32_t y = 0; y < band.rows; y++)
            put_row(pixels + (band.y + y) * stride, band.pixels + (ptrdiff_t)y * band.stride, info.image.width, info.image.layout);
        if (l->updated_func) l->updated_func(l->pixbuf, 0, (int)band.y, (int)info.image.width, (int)band.rows, l->user_data);
    }
    if (status == VQZ_END) l->done = true;
    else if (status != VQZ_AGAIN) return fail(error, status, vqz_decoder_error(l->decoder));
    return TRUE;
}

static gpointer begin_load(GdkPixbufModuleSizeFunc size_func, GdkPixbufModulePreparedFunc prepared_func, GdkPixbufModuleUpdatedFunc updated_func, gpointer user_data,
                           GError **error) {
    vqz_settings settings;
    vqz_error why;
    loader *l = g_new0(loader, 1);
    *l = (loader){.size_func = size_func, .prepared_func = prepared_func, .updated_func = updated_func, .user_data = user_data};
    vqz_settings_init(&settings);
    const vqz_status status = vqz_decoder_open(&l->decoder, &settings, &why);
    if (status == VQZ_OK) return l;
    fail(error, status, &why);
    g_free(l);
    return NULL;
}

static gboolean load_increment(gpointer context, const guchar *data, guint size, GError **error) {
    loader *l = context;
    if (l->done) return TRUE;    /* what follows is of no interest: further pictures */
    const vqz_status status = vqz_decoder_send(l->decoder, data, size);
    if (status != VQZ_OK) return fail(error, status, vqz_decoder_error(l->decoder));
    return receive(l, error);
}

static gboolean stop_load(gpointer context, GError **error) {
    loader *l = context;
    gboolean good = TRUE;
    if (!l->done) {
        const vqz_status status = vqz_decoder_flush(l->decoder);
        good = status == VQZ_OK ? receive(l, error) : fail(error, status, vqz_decoder_error(l->decoder));
    }
    vqz_decoder_close(l->decoder);
    if (l->pixbuf) g_object_unref(l->pixbuf);
    g_free(l);
    return good;
}

G_MODULE_EXPORT void fill_vtable(GdkPixbufModule *module);
G_MODULE_EXPORT void fill_info(GdkPixbufFormat *info);

void fill_vtable(GdkPixbufModule *module) {
    module->begin_load = begin_load;
    module->stop_load = stop_load;
    module->load_increment = load_increment;
}

void fill_info(GdkPixbufFormat *info) {
    static GdkPixbufModulePattern signature[] = {{(char *)"\x89VQZ\r\n\x1a\n", NULL, 100}, {NULL, NULL, 0}};
    static gchar *mime_types[] = {(gchar *)"image/x-vqz", NULL}, *extensions[] = {(gchar *)"vqz", NULL};
    info->name = (gchar *)"vqz";
    info->signature = signature;
    info->description = (gchar *)"vqz pictures";
    info->mime_types = mime_types;
    info->extensions = extensions;
    info->flags = GDK_PIXBUF_FORMAT_THREADSAFE;
    info->license = (gchar *)"Apache-2.0";
}
