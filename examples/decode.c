/* decode IN.vqz OUT.pam: bytes in as they come, bands of rows out. */
#include <stdio.h>
#include <vqz/vqz.h>

static int fail(const char *what) {
    fprintf(stderr, "decode: %s\n", what);
    return 1;
}

/* Writes the bands that are ready, the PAM header before the first one. */
static vqz_status write_bands(vqz_decoder *decoder, FILE *out) {
    vqz_file_info info;
    vqz_band band;
    vqz_status status;
    while ((status = vqz_decoder_receive(decoder, &band)) == VQZ_OK) {
        if ((status = vqz_decoder_info(decoder, &info)) != VQZ_OK) return status;
        if (band.y == 0)
            fprintf(out, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL 255\nENDHDR\n", info.image.width,
                    info.image.height, (unsigned)info.image.layout);   /* a layout's value is its samples per pixel */
        for (unsigned r = 0; r < band.rows; r++)
            fwrite(band.pixels + (ptrdiff_t)r * band.stride, info.image.layout, info.image.width, out);
    }
    return status;
}

int main(int argc, char **argv) {
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
    if (!out) return fail("usage: decode IN.vqz OUT.pam");

    vqz_settings settings;
    vqz_settings_init(&settings);
    vqz_decoder *decoder;
    vqz_error error;
    if (vqz_decoder_open(&decoder, &settings, &error) != VQZ_OK) return fail(error.text);

    unsigned char piece[4096];
    vqz_status status = VQZ_AGAIN;
    for (size_t n; status == VQZ_AGAIN && (n = fread(piece, 1, sizeof piece, in)) > 0;)
        if ((status = vqz_decoder_send(decoder, piece, n)) == VQZ_OK) status = write_bands(decoder, out);
    if (status == VQZ_AGAIN && (status = vqz_decoder_flush(decoder)) == VQZ_OK) status = write_bands(decoder, out);
    if (status != VQZ_END) return fail(vqz_decoder_error(decoder)->text);

    vqz_decoder_close(decoder);
    fclose(in);
    return fclose(out) ? fail("cannot write the output") : 0;
}
