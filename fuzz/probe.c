/* vqz_probe on every beginning of the input: it may not change its mind, and the decoder must agree. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vqz_status last = vqz_probe(data, 0);
    FUZZ_CHECK(last == VQZ_AGAIN);
    for (size_t n = 1; n <= size && n <= 32; n++) {
        vqz_status s = vqz_probe(data, n);
        FUZZ_CHECK(s == VQZ_OK || s == VQZ_AGAIN || s == VQZ_ERR_SIGNATURE || s == VQZ_ERR_VERSION);
        FUZZ_CHECK(last == VQZ_AGAIN || s == last);
        last = s;
    }
    vqz_decoder *d;
    vqz_band band;
    vqz_error e;
    FUZZ_CHECK(vqz_decoder_open(&d, NULL, &e) == VQZ_OK);
    FUZZ_CHECK(vqz_decoder_send(d, data, size < 32 ? size : 32) == VQZ_OK);
    vqz_status s = vqz_decoder_receive(d, &band);
    if (last == VQZ_OK) FUZZ_CHECK(s != VQZ_ERR_SIGNATURE && s != VQZ_OK);
    else FUZZ_CHECK(s == last);
    if (s != VQZ_AGAIN) fuzz_check_error(s, vqz_decoder_error(d));
    vqz_decoder_close(d);
    return 0;
}
