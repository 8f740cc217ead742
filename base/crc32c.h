/* CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, all ones before and after. */
#ifndef VQZ_BASE_CRC32C_H
#define VQZ_BASE_CRC32C_H
#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 at the start) over n more bytes. */
uint32_t vqz_crc32c(uint32_t crc, const void *data, size_t n);
#endif
