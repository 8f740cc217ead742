/* encode IN.ppm OUT.vqz: the shortest way from rows of RGB samples to a file. */
#include <stdio.h>
#include <stdlib.h>
#include <vqz/vqz.h>

static int fail(const char *what) {
    fprintf(stderr, "encode: %s\n", what);
    return 1;
}

int main(int argc, char **argv) {
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = in ? fopen(argv[2], "wb") : NULL;
    vqz_image_info info = {.layout = VQZ_RGB};
    unsigned max;
    if (!out) return fail("usage: encode IN.ppm OUT.vqz");
    if (fscanf(in, "P6 %u %u %u", &info.width, &info.height, &max) != 3 || max != 255 || fgetc(in) == EOF)
        return fail("the input is not a binary PPM of 8 bits");

    vqz_settings settings;
    vqz_settings_init(&settings);
    settings.quality = 60;

    vqz_encoder *encoder;
    vqz_error error;
    if (vqz_encoder_open(&encoder, &settings, NULL, &error) != VQZ_OK) return fail(error.text);
    vqz_status status = vqz_encoder_begin(encoder, &info);   /* checks the size */
    unsigned char *row = status == VQZ_OK ? malloc((size_t)info.width * 3) : NULL;
    for (unsigned y = 0; y < info.height && status == VQZ_OK && row; y++) {
        if (fread(row, 3, info.width, in) != info.width) return fail("the input ends early");
        status = vqz_encoder_send_rows(encoder, row, (ptrdiff_t)info.width * 3, 1);
        const unsigned char *data;
        size_t size;
        while (status == VQZ_OK && (status = vqz_encoder_receive(encoder, &data, &size)) == VQZ_OK)
            fwrite(data, 1, size, out);
        if (status == VQZ_AGAIN) status = VQZ_OK;   /* it needs more rows */
    }
    if (!row || status != VQZ_END) return fail(row ? vqz_encoder_error(encoder)->text : "no memory, or a size beyond the limits");
    vqz_encoder_close(encoder);
    free(row);
    fclose(in);
    return fclose(out) ? fail("cannot write the output") : 0;
}
