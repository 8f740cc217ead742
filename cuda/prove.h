/* What a device shows before it is given work. */
#ifndef VQZ_CUDA_PROVE_H
#define VQZ_CUDA_PROVE_H
#include "cuda/net.h"

/* Sums of the device in use against the definition. *dots: those of its tensor cores are others, those of dp4a are right. VQZ_ERR_DEVICE: neither are. */
vqz_status vqz_cu_prove(bool *dots, vqz_memory *mem, vqz_error *e);
#endif
