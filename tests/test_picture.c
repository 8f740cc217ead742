#include "tests/cli_sources.h"
#include <dirent.h>
#include <math.h>

/* ---- orientation ---- */
static void test_turning(void **state) {
    (void)state;
    /* the stored picture is 1 2 3 / 4 5 6; upright rows by EXIF's definition of each orientation */
    static const struct { uint8_t orientation; uint32_t width; uint8_t pixels[6]; } table[] = {
        {1, 3, {1, 2, 3, 4, 5, 6}}, {2, 3, {3, 2, 1, 6, 5, 4}}, {3, 3, {6, 5, 4, 3, 2, 1}}, {4, 3, {4, 5, 6, 1, 2, 3}},
        {5, 2, {1, 4, 2, 5, 3, 6}}, {6, 2, {4, 1, 5, 2, 6, 3}}, {7, 2, {6, 3, 5, 2, 4, 1}}, {8, 2, {3, 6, 2, 5, 1, 4}}};
    image_config config = test_config();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (vqz_layout layout = VQZ_GRAY; layout <= VQZ_RGBA; layout++) {
            image im = test_picture(3, 2, layout);
            vqz_error e;
            for (int p = 0; p < 6; p++)
                for (int c = 0; c < (int)layout; c++) im.pixels[p * (int)layout + c] = (uint8_t)(p + 1 + 10 * c);
            im.info.orientation = table[i].orientation;
            assert_int_equal(orientation_apply(&im, &config, &e), VQZ_OK);
            assert_int_equal(im.info.width, table[i].width);
            assert_int_equal(im.info.height, 6 / table[i].width);
            assert_int_equal(im.info.orientation, 1);
            for (int p = 0; p < 6; p++)
                for (int c = 0; c < (int)layout; c++)
                    assert_int_equal(im.pixels[p * (int)layout + c], table[i].pixels[p] + 10 * c);
            image_free(&im);
        }
}

/* Larger than the blocks in which pixels are moved: turning there and back gives the picture again. */
static void test_turning_back(void **state) {
    (void)state;
    static const uint8_t inverse[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    image_config config = test_config();
    for (uint8_t o = 1; o <= 8; o++) {
        image im = test_picture(131, 70, VQZ_RGB), same = test_picture(131, 70, VQZ_RGB);
        vqz_error e;
        im.info.orientation = o;
        assert_int_equal(orientation_apply(&im, &config, &e), VQZ_OK);
        im.info.orientation = inverse[o];
        assert_int_equal(orientation_apply(&im, &config, &e), VQZ_OK);
        assert_int_equal(im.info.width, 131);
        assert_memory_equal(im.pixels, same.pixels, same.stride * 70);
        image_free(&im);
        image_free(&same);
    }
}

static void test_exif(void **state) {
    (void)state;
    /* ImageWidth before the orientation, in both byte orders */
    static const uint8_t big[] = {'M', 'M', 0, 42, 0, 0, 0,    8, 0, 2, 1, 0, 0, 3, 0, 0, 0,
                                  1,   0,   9, 0,  0, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0};
    static const uint8_t little[] = {'I', 'I', 42, 0, 8, 0,    0, 0, 2, 0, 0, 1, 3, 0, 1, 0, 0,
                                     0,   9,   0,  0, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
    const struct {
        const uint8_t *data;
        size_t size;
        uint8_t value;
    } table[] = {{big, sizeof big, 8}, {little, sizeof little, 6}};
    for (int i = 0; i < 2; i++) {
        uint8_t *copy = malloc(table[i].size);     /* exact size: a sanitizer sees one byte too far */
        for (size_t n = 0; n <= table[i].size; n++) {
            uint8_t *cut = malloc(n ? n : 1);
            memcpy(cut, table[i].data, n);
            assert_int_equal(exif_orientation(cut, n), n == table[i].size ? table[i].value : 0);
            free(cut);
        }
        memcpy(copy, table[i].data, table[i].size);
        exif_set_orientation(copy, table[i].size, 1);
        assert_int_equal(exif_orientation(copy, table[i].size), 1);
        size_t changed = 0;
        for (size_t n = 0; n < table[i].size; n++) changed += copy[n] != table[i].data[n];
        assert_int_equal(changed, 1);
        exif_set_orientation(copy, table[i].size, 9);
        assert_int_equal(exif_orientation(copy, table[i].size), 0);
        free(copy);
    }
    assert_int_equal(exif_orientation(NULL, 0), 0);
    uint8_t far[] = {'I', 'I', 42, 0, 0xff, 0xff, 0xff, 0xff, 1, 0};
    assert_int_equal(exif_orientation(far, sizeof far), 0);
}

/* ---- metrics ---- */
static image metric_picture(uint32_t w, uint32_t h, bool noisy) {
    image im = test_picture(w, h, VQZ_RGB);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < 3; c++) {
                int v = (int)((x * 3 + y * 2 + 40 * c + ((x * y) >> 3)) & 255);
                if (noisy) v += (int)((x * 7 + y * 13 + c * 5) % 17) - 8;
                im.pixels[y * im.stride + x * 3 + c] = clamp_byte(v);
            }
    return im;
}

static void test_metrics(void **state) {
    (void)state;
    image a = metric_picture(200, 180, false), b = metric_picture(200, 180, true), small = metric_picture(175, 180, true);
    metrics m;
    vqz_error e;
    /* from an independent implementation in NumPy and SciPy over the same two pictures */
    assert_int_equal(metrics_measure(&m, &a, &b, &e), VQZ_OK);
    assert_true(fabs(m.psnr - 34.4070) < 1e-4);
    assert_true(fabs(m.msssim - 0.9994042) < 1e-6);
    assert_true(fabs(m.msssim_db - 32.2491) < 5e-3);
    assert_false(m.identical);
    assert_int_equal(metrics_measure(&m, &a, &a, &e), VQZ_OK);
    assert_true(m.identical && m.msssim > 0.9999999 && m.psnr > 148);
    assert_int_equal(metrics_measure(&m, &small, &small, &e), VQZ_OK);
    assert_true(m.msssim < 0);
    /* one sample off by one among 200 * 180 * 3 */
    memcpy(b.pixels, a.pixels, a.stride * 180);
    b.pixels[777] ^= 1;
    assert_true(fabs(metrics_psnr(&a, &b) - 10 * log10(65025.0 * 108000)) < 1e-9);
    image_free(&a);
    image_free(&b);
    image_free(&small);
}

static void test_flatten(void **state) {
    (void)state;
    image im = test_picture(3, 1, VQZ_RGBA);
    vqz_error e;
    memcpy(im.pixels, (uint8_t[]){9, 8, 7, 255, 200, 100, 0, 0, 255, 0, 128, 127}, 12);
    assert_int_equal(image_to_rgb(&im, &e), VQZ_OK);
    assert_memory_equal(im.pixels, ((uint8_t[]){9, 8, 7, 128, 128, 128, 191, 64, 128}), 9);
    image_free(&im);
    im = test_picture(2, 1, VQZ_GRAY);
    memcpy(im.pixels, (uint8_t[]){5, 250}, 2);
    assert_int_equal(image_to_rgb(&im, &e), VQZ_OK);
    assert_memory_equal(im.pixels, ((uint8_t[]){5, 5, 5, 250, 250, 250}), 6);
    image_free(&im);
}

/* ---- outputs ---- */
static int files_in(const char *folder) {
    DIR *d = opendir(folder);
    int count = 0;
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d));) count += f->d_name[0] != '.' || strlen(f->d_name) > 2;
    closedir(d);
    return count;
}

static void test_atomic_output(void **state) {
    (void)state;
    char folder[] = "/tmp/vqz-test-XXXXXX", path[64], link[64];
    sink s;
    vqz_error e;
    source in;
    uint8_t *data, block[1000];
    size_t size;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/out", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    memset(block, 7, sizeof block);

    assert_int_equal(sink_open(&s, path, &e), VQZ_OK);      /* dropped: nothing is left */
    assert_true(sink_write(&s, block, sizeof block));
    assert_int_equal(files_in(folder), 1);
    assert_int_not_equal(access(path, F_OK), 0);
    sink_close(&s);
    assert_int_equal(files_in(folder), 0);

    assert_int_equal(symlink("out", link), 0);
    for (int round = 0; round < 2; round++) {                /* new; then replaced through a link */
        assert_int_equal(sink_open(&s, round ? link : path, &e), VQZ_OK);
        for (int i = 0; i < 200 + round; i++) assert_true(sink_write(&s, block, sizeof block));
        assert_int_equal(sink_commit(&s, &e), VQZ_OK);
        sink_close(&s);
        assert_int_equal(source_open(&in, path, &e), VQZ_OK);
        assert_int_equal(source_read_all(&in, &data, &size, 1 << 20, &e), VQZ_OK);
        assert_int_equal(size, (200 + round) * 1000);
        assert_true(data[size - 1] == 7);
        source_close(&in);
        free(data);
    }
    assert_int_equal(files_in(folder), 2);
    assert_int_equal(source_open(&in, path, &e), VQZ_OK);
    assert_int_equal(source_read_all(&in, &data, &size, 1000, &e), VQZ_ERR_LIMIT);
    source_close(&in);
    assert_int_equal(sink_open(&s, folder, &e), VQZ_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, folder));
    unlink(link);
    unlink(path);
    rmdir(folder);
    assert_int_equal(sink_open(&s, path, &e), VQZ_ERR_ARGUMENT);
    assert_int_equal(source_open(&in, path, &e), VQZ_ERR_ARGUMENT);

    assert_int_equal(sink_open(&s, "/dev/full", &e), VQZ_OK);
    sink_write(&s, block, sizeof block);
    assert_int_equal(sink_commit(&s, &e), VQZ_ERR_ARGUMENT);
    assert_non_null(strstr(e.text, "No space"));
    sink_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turning), cmocka_unit_test(test_turning_back),
                                       cmocka_unit_test(test_exif),    cmocka_unit_test(test_metrics),
                                       cmocka_unit_test(test_flatten), cmocka_unit_test(test_atomic_output)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
