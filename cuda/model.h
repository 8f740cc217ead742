/* A model on the device: tables and packed networks. */
#ifndef VQZ_CUDA_MODEL_H
#define VQZ_CUDA_MODEL_H
#include "codec/model/model.h"
#include "cuda/net.h"

typedef struct vqz_cu_model {
    const vqz_model *m;
    vqz_cu_tables tables;
    void *memory;                            /* the device's, for the tables */
    vqz_cu_net *net[VQZ_NET_KINDS][VQZ_MAX_SLICES];
} vqz_cu_model;
/* roles: VQZ_NETS_...; the model must outlive the result. dots: without tensor cores. */
vqz_status vqz_cu_model_create(vqz_cu_model **model, const vqz_model *m, unsigned roles, bool dots, vqz_memory *mem, vqz_error *e);
void vqz_cu_model_free(vqz_cu_model *model, vqz_memory *mem);
#endif
