/* SHA-256 (FIPS 180-4) of one block of memory. */
#ifndef VQZ_BASE_SHA256_H
#define VQZ_BASE_SHA256_H
#include <stddef.h>
#include <stdint.h>

void vqz_sha256(const void *data, size_t n, uint8_t out[32]);
#endif
