/* Pixels <-> latents for a batch of areas on the device, as codec/transform.h is that of one on the processor. */
#ifndef VQZ_CUDA_TRANSFORM_H
#define VQZ_CUDA_TRANSFORM_H
#include "cuda/kept.h"
#include "cuda/model.h"

enum {
    VQZ_CU_SYNTHESIS,                        /* planes of latents -> samples */
    VQZ_CU_ANALYSIS,                         /* pixels -> planes of latents, and hyper-latents */
    VQZ_CU_CORRECTED                         /* the same, then as vqz_analysis_correct */
};

typedef struct vqz_cu_transform {
    const vqz_cu_model *model;
    vqz_memory *mem;
    unsigned kind, areas;
    uint32_t most, most_tile;                /* positions of the largest area, of the largest tile */
    vqz_cu_area *area;                       /* the device's */
    void *memory;                            /* the device's */
    void *graph;
    vqz_cu_plan scaled, linear, synthesis;   /* LATQ of the area, and both paths */
    vqz_cu_plan analysis_linear, analysis, seen, hyper;      /* seen: LATQ of the tile */
    vqz_cu_plan missing, nothing;            /* the linear path of what is missing, of nothing */
} vqz_cu_transform;

/* The model needs VQZ_NETS_SYNTHESIS, VQZ_NETS_ANALYSIS, or both for VQZ_CU_CORRECTED. */
vqz_status vqz_cu_transform_create(vqz_cu_transform **transform, const vqz_cu_model *model, unsigned kind, const vqz_cu_area *area, unsigned areas,
                                   vqz_memory *mem, vqz_error *e);
void vqz_cu_transform_free(vqz_cu_transform *t);
vqz_status vqz_cu_transform_run(vqz_cu_transform *t, void *queue, vqz_error *e);
/* The hyper-latents of analysis, views in the device's memory, for vqz_cu_encode_start. */
const vqz_cu_view *vqz_cu_transform_hyper(const vqz_cu_transform *t);
#endif
