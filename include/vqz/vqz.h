/* vqz: a learned image codec whose files decode to the same pixels on every machine.
 *
 * Conventions. All functions return a vqz_status unless said otherwise; 0 is success. Objects are
 * opaque; the caller releases each with its own *_close or *_unref. Nothing here prints, aborts, keeps global
 * state or touches files. A context (encoder, decoder) is used by one thread at a time; models are
 * immutable and may be shared by any number of contexts and threads. Sizes are in pixels, rates in
 * bytes, offsets in bytes from the first byte given to the decoder.
 * Samples are 8 bits, interleaved in the order of the layout's name, rows top to bottom. */
#ifndef VQZ_VQZ_H
#define VQZ_VQZ_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#if defined(VQZ_STATIC) || !defined(__GNUC__)
#define VQZ_API
#else
#define VQZ_API __attribute__((visibility("default")))
#endif

#define VQZ_VERSION_MAJOR 0
#define VQZ_VERSION_MINOR 1
#define VQZ_VERSION_PATCH 0

/* ---- status ---------------------------------------------------------------------------------- */
/* Numbers never change; new ones are added at the end. */
typedef enum vqz_status {
    VQZ_OK = 0,
    VQZ_AGAIN = 1,               /* more input is needed before there is output, or output must be received before more input; not an error */
    VQZ_END = 2,                 /* everything has been delivered; not an error */
    VQZ_ERR_ARGUMENT = 3,        /* the caller broke the documented contract */
    VQZ_ERR_MEMORY = 4,          /* the allocator returned NULL */
    VQZ_ERR_LIMIT = 5,           /* max_pixels or max_memory would be exceeded */
    VQZ_ERR_SIGNATURE = 6,       /* not a vqz file */
    VQZ_ERR_VERSION = 7,         /* a major version or a critical chunk that this library does not know */
    VQZ_ERR_TRUNCATED = 8,       /* the input ended early */
    VQZ_ERR_CHECKSUM = 9,        /* a chunk's crc32c does not match */
    VQZ_ERR_CORRUPT = 10,        /* well-formed bytes with impossible contents */
    VQZ_ERR_HASH = 11,           /* decoded latents or pixels differ from the hash in the file */
    VQZ_ERR_MODEL_UNKNOWN = 12,  /* the file names a model that was not given */
    VQZ_ERR_MODEL_INVALID = 13,  /* a model file that breaks a rule of spec/model.md */
    VQZ_ERR_UNSUPPORTED = 14,    /* valid, but not implemented by this build */
    VQZ_ERR_INTERNAL = 15,       /* a bug in this library */
    VQZ_ERR_DEVICE = 16,         /* the GPU that was asked for is not there, failed, or has too little memory */
    VQZ_ERR_REFERENCE = 17       /* a frame refers to the one before it, which was damaged or not decoded; decoding can go on at a key frame */
} vqz_status;

VQZ_API const char *vqz_status_name(vqz_status s);  /* "VQZ_ERR_TRUNCATED"; never NULL */
VQZ_API const char *vqz_status_text(vqz_status s);  /* one short sentence in English; never NULL */
VQZ_API const char *vqz_version(void);              /* "0.1.0" */

/* What went wrong last in a context. `text` names the thing and the reason, without a final newline. */
typedef struct vqz_error {
    vqz_status status;
    uint64_t offset;             /* input offset that the error is about; UINT64_MAX where there is none */
    char text[192];
} vqz_error;

/* ---- images ---------------------------------------------------------------------------------- */
typedef enum vqz_layout { VQZ_GRAY = 1, VQZ_GRAYA = 2, VQZ_RGB = 3, VQZ_RGBA = 4 } vqz_layout;  /* value = samples per pixel; alpha is straight, not premultiplied */

#define VQZ_MAX_SIDE 262144u              /* 2^18 */
#define VQZ_MAX_PIXELS 268435456u         /* 2^28 */
#define VQZ_MAX_TIMEBASE 2147483647u      /* 2^31 - 1 */

/* Metadata blobs travel unchanged. Pointers are borrowed: for the encoder until vqz_encoder_begin
 * returns, from the decoder until it is closed. */
typedef struct vqz_metadata {
    const uint8_t *icc, *exif, *xmp;      /* NULL where absent */
    size_t icc_size, exif_size, xmp_size; /* each at most 4 MiB */
} vqz_metadata;

typedef struct vqz_image_info {
    uint32_t width, height;               /* 1..VQZ_MAX_SIDE each, product at most VQZ_MAX_PIXELS */
    vqz_layout layout;
    uint8_t orientation;                  /* EXIF 1..8: how to turn the stored picture for viewing; 0 means 1 */
    uint8_t cicp[4];                      /* ITU-T H.273 primaries, transfer, matrix, full range; all 0: not given (sRGB) */
    vqz_metadata meta;
} vqz_image_info;

/* ---- sequences: several pictures of one kind in one file, each at its time ------------------------- */
typedef struct vqz_timing {
    uint32_t timebase_num, timebase_den;  /* seconds in a unit of time, 1..VQZ_MAX_TIMEBASE each: 1/25, 1001/30000, 1/90000 */
    uint32_t frames;                      /* how many there are; 0: not known. From a file it is a claim until the end has been read */
} vqz_timing;

typedef struct vqz_frame {
    uint64_t number;                      /* counted from 0, damaged ones too */
    uint64_t offset;                      /* in the input, or among the bytes of all packets */
    int64_t pts;                          /* when it is shown, in units of time; grows from frame to frame. A still has 0 */
    uint64_t duration;                    /* 0: not known */
    uint32_t key;                         /* 1: decoding can begin here */
    uint16_t quality_x16;
    vqz_status status;                    /* an error: not even this description can be read, and all but number and offset is 0 */
} vqz_frame;

/* A sequence in pieces for a host that has a container of its own: a header (libavcodec's extradata), then a packet for each frame, which
 * needs nothing but the header. Header, frames and trailer one after the other are the file. */
typedef enum vqz_packet_kind { VQZ_PACKET_HEADER = 0, VQZ_PACKET_FRAME = 1, VQZ_PACKET_TRAILER = 2 } vqz_packet_kind;
typedef struct vqz_packet {
    vqz_packet_kind kind;
    const uint8_t *data;                  /* valid until the next call on the object it came from */
    size_t size;
    int64_t pts;                          /* of a frame, as in vqz_frame */
    uint64_t duration;
    uint32_t key;
    uint64_t offset;                      /* from a splitter: in its input */
    vqz_status status;                    /* from a splitter: an error is why a frame cannot be had; data is then NULL */
} vqz_packet;

/* ---- models ---------------------------------------------------------------------------------- */
typedef struct vqz_model vqz_model;

#define VQZ_MODEL_ID_SIZE 16
typedef struct vqz_model_info {
    uint8_t id[VQZ_MODEL_ID_SIZE];        /* first 16 bytes of the SHA-256 of weights and tables */
    const char *name, *version, *licence, *provenance;  /* live as long as the model */
    size_t size;                          /* bytes of the model file */
    uint32_t levels;                      /* rows of the quality table */
    uint32_t mac_per_pixel_encode, mac_per_pixel_decode;  /* multiply-accumulates, context passes counted as run */
} vqz_model_info;

/* Parse and validate a model file (spec/model.md). The bytes must stay unchanged until the model is
 * released. On failure *model is NULL and *error (may be NULL) says which rule was broken. */
VQZ_API vqz_status vqz_model_open(vqz_model **model, const void *data, size_t size, vqz_error *error);
VQZ_API uint32_t vqz_model_builtin_count(void);
/* A new reference to built-in model `index`: a vqz_tune, so that 0 is the default one. */
VQZ_API vqz_status vqz_model_builtin(vqz_model **model, uint32_t index, vqz_error *error);
VQZ_API void vqz_model_ref(vqz_model *model);
VQZ_API void vqz_model_unref(vqz_model *model);   /* NULL is allowed */
VQZ_API void vqz_model_get_info(const vqz_model *model, vqz_model_info *info);

/* ---- devices: GPUs that do what networks and entropy coding cost ---------------------------------- */
typedef struct vqz_device vqz_device;             /* one or more GPUs, for any number of contexts and threads */

typedef enum vqz_device_kind {
    VQZ_DEVICE_AUTO = 0,                  /* what the GPUs cannot do, or fail at, the processor does: the same bytes and pixels */
    VQZ_DEVICE_CUDA = 1                   /* it is VQZ_ERR_DEVICE */
} vqz_device_kind;
#define VQZ_DEVICE_ALL 4294967295u

typedef struct vqz_device_info {
    char name[64];
    uint32_t number;                      /* among those of the machine, from 0 */
    uint64_t memory;                      /* bytes */
    char note[128];                       /* what a user should know of it, a sentence; empty: nothing */
} vqz_device_info;

/* GPU `number`, or VQZ_DEVICE_ALL. The code for them is a library of its own, libvqz_cuda.so: `library` is its absolute path, NULL: where it is installed with
 * this one. It stays loaded. VQZ_ERR_DEVICE: there is no such library, driver or GPU, or none that calculates as it should, and *error says which. Not to be used behind fork(). */
VQZ_API vqz_status vqz_device_open(vqz_device **device, vqz_device_kind kind, uint32_t number, const char *library, vqz_error *error);
VQZ_API void vqz_device_ref(vqz_device *device);
VQZ_API void vqz_device_unref(vqz_device *device);        /* NULL is allowed. Contexts hold references of their own */
/* The index-th of its GPUs, VQZ_END behind the last one; VQZ_ERR_DEVICE: it has failed. *info is filled in either case. */
VQZ_API vqz_status vqz_device_get_info(vqz_device *device, uint32_t index, vqz_device_info *info);
/* What first went wrong with its GPUs, in *error; VQZ_OK: nothing so far. With VQZ_DEVICE_AUTO nobody else hears of it. */
VQZ_API vqz_status vqz_device_trouble(vqz_device *device, vqz_error *error);

/* ---- settings -------------------------------------------------------------------------------- */
typedef enum vqz_cpu {
    VQZ_CPU_AUTO = 0, VQZ_CPU_SCALAR = 1, VQZ_CPU_AVX2 = 2, VQZ_CPU_AVX512VNNI = 3, VQZ_CPU_AVXVNNI = 4,
    VQZ_CPU_NEON = 5, VQZ_CPU_NEONDOT = 6, VQZ_CPU_AMX = 7      /* AMX is not chosen by itself */
} vqz_cpu;
/* "auto", "scalar", "avx2" and so on; NULL past the last one. */
VQZ_API const char *vqz_cpu_name(uint32_t cpu);
/* What runs where `cpu` is asked for: for VQZ_CPU_AUTO the fastest kernels of this machine, else `cpu` itself, or
 * VQZ_CPU_AUTO where the machine or this build lacks it. */
VQZ_API uint32_t vqz_cpu_pick(uint32_t cpu);

/* What the encoder's choices are judged by, and the built-in model that was trained for it. VISUAL spends fewer bits where a busy picture hides errors
 * and more where it is flat: better by SSIMULACRA2, butteraugli and MS-SSIM. PSNR has the least squared error. */
typedef enum vqz_tune { VQZ_TUNE_VISUAL = 0, VQZ_TUNE_PSNR = 1 } vqz_tune;

typedef struct vqz_settings {
    size_t size;                          /* sizeof(vqz_settings) of the caller; set by vqz_settings_init */
    uint32_t threads;                     /* 0: one per core. Never changes a byte or a pixel */
    uint32_t cpu;                         /* vqz_cpu; a variant that the machine lacks is VQZ_ERR_UNSUPPORTED. Never changes a pixel, nor a byte up to effort 4 */
    uint64_t max_pixels;                  /* default and upper bound VQZ_MAX_PIXELS */
    uint64_t max_memory;                  /* bytes that one context may allocate; default 4 GiB */
    /* encoder */
    float quality;                        /* 0..100, default 75; read in steps of 1/16 */
    int32_t effort;                       /* 0..9, default 4. 0 to 3: one pass. 4: latents are corrected by what synthesis would miss, where that
                                           * pays (quality 75 and more). 5 to 9: and refined in 1, 3, 6, 12, 24 rounds. Up to 4 all is integer, the
                                           * same file on every machine; refinement searches in float, so other machines may make other files */
    uint32_t tile_size;                   /* 0: one tile up to 2^20 pixels, else 512. Otherwise a multiple of 64, 128..1024 */
    uint32_t pixel_hash;                  /* 1: store a hash of the decoded pixels (needs a decode while encoding); default 0 */
    /* decoder */
    uint32_t partial;                     /* 1: a truncated or damaged file yields the tiles that arrived; default 0 */
    uint32_t verify;                      /* 1: check latent and pixel hashes; default 1 */
    /* encoder again */
    uint32_t tune;                        /* vqz_tune; default VQZ_TUNE_VISUAL */
    uint32_t lossless;                    /* 1: every sample comes back as it is, under transparent pixels too; quality, effort and tune count for nothing; default 0 */
    /* both */
    vqz_device *device;                   /* NULL: the processor alone. Never changes a byte or a pixel. A frame is worked on when all of it is there, and its tiles go
                                           * to one GPU; contexts in several threads keep GPUs busy. Efforts above 4 and lossless files are the processor's */
    /* encoder, sequences */
    uint32_t key_interval;                /* of sequences: at most so many frames from one key frame to the next. 1 (default): every frame is one, and needs no other.
                                           * 2 and more: frames in between refer to the one before, and take less; lossless ones do not */
    uint32_t scene_cut;                   /* 1: a frame that has little in common with the one before becomes a key frame; default 1 */
} vqz_settings;
VQZ_API void vqz_settings_init(vqz_settings *s);

/* ---- encoder: rows in, bytes out --------------------------------------------------------------- */
typedef struct vqz_encoder vqz_encoder;

/* model NULL: the built-in one of the settings' tune. The encoder holds its own reference. */
VQZ_API vqz_status vqz_encoder_open(vqz_encoder **enc, const vqz_settings *settings, vqz_model *model, vqz_error *error);
/* Start a picture. Metadata and header become output at once. */
VQZ_API vqz_status vqz_encoder_begin(vqz_encoder *enc, const vqz_image_info *info);
/* After vqz_encoder_begin or _begin_sequence, before any output is received: a chunk of the host's own, which decoders skip. `type` is four letters, the first
 * one lower-case; x as the second one marks private types (spec/container.md, section 12). At most 2^20 bytes. */
VQZ_API vqz_status vqz_encoder_add_chunk(vqz_encoder *enc, const char type[4], const void *data, size_t size);
/* The next `rows` rows, `stride` bytes apart (may be negative). They are copied as needed: the caller may reuse them. */
VQZ_API vqz_status vqz_encoder_send_rows(vqz_encoder *enc, const uint8_t *pixels, ptrdiff_t stride, uint32_t rows);
/* The next piece of the file. *data stays valid until the next call on this encoder. VQZ_AGAIN: send
 * more rows. VQZ_END: the file is complete; vqz_encoder_begin may start another one. */
VQZ_API vqz_status vqz_encoder_receive(vqz_encoder *enc, const uint8_t **data, size_t *size);

/* A sequence instead of a picture: begin_sequence, then for each frame begin_frame and send_rows with all its rows, then end_sequence. All output
 * must have been received before begin_frame and end_sequence, which else do nothing and return VQZ_AGAIN; so one frame at most is held. pts
 * must grow, |pts| and the end of a frame stay below 2^61. After a wrong pts (VQZ_ERR_ARGUMENT) the sequence can go on. */
VQZ_API vqz_status vqz_encoder_begin_sequence(vqz_encoder *enc, const vqz_image_info *info, const vqz_timing *timing);
VQZ_API vqz_status vqz_encoder_begin_frame(vqz_encoder *enc, int64_t pts, uint64_t duration);
VQZ_API vqz_status vqz_encoder_end_sequence(vqz_encoder *enc);
/* Instead of vqz_encoder_receive: the header, whole frames, the trailer. VQZ_AGAIN and VQZ_END as there. */
VQZ_API vqz_status vqz_encoder_receive_packet(vqz_encoder *enc, vqz_packet *packet);
VQZ_API const vqz_error *vqz_encoder_error(const vqz_encoder *enc);
VQZ_API void vqz_encoder_close(vqz_encoder *enc); /* NULL is allowed */

/* ---- decoder: bytes in, bands of rows out ------------------------------------------------------ */
typedef struct vqz_decoder vqz_decoder;

/* What the file says of itself, known once its header has been read. */
typedef struct vqz_file_info {
    vqz_image_info image;                 /* metadata pointers live until the decoder is closed */
    uint32_t tile_width, tile_height;     /* of an inner tile */
    uint32_t tiles_x, tiles_y;
    uint8_t model_id[VQZ_MODEL_ID_SIZE];
    uint8_t major, minor;
    uint16_t quality_x16;                 /* as asked for when encoding, in 1/16; informative */
    uint64_t peak_memory;                 /* bytes that decoding will allocate; 0 where the model is unknown */
    uint32_t sequence;                    /* 1: any number of frames; 0: a still picture, which is one */
    vqz_timing timing;                    /* of a sequence */
} vqz_file_info;

typedef struct vqz_band {
    const uint8_t *pixels;                /* valid until the next call on the decoder */
    ptrdiff_t stride;
    uint32_t y, rows;                     /* first row and how many; bands come in order */
    uint32_t unverified_tiles;            /* partial decoding: tiles of this band that were missing, damaged, or next to such a tile */
} vqz_band;

VQZ_API vqz_status vqz_decoder_open(vqz_decoder **dec, const vqz_settings *settings, vqz_error *error);
/* Models beside the built-in ones. The decoder holds its own reference. */
VQZ_API vqz_status vqz_decoder_add_model(vqz_decoder *dec, vqz_model *model);
/* The next bytes of the file, any number at a time; they are copied as needed. */
VQZ_API vqz_status vqz_decoder_send(vqz_decoder *dec, const uint8_t *data, size_t size);
/* No more input will come: what is missing is now an error, or left out with settings.partial. */
VQZ_API vqz_status vqz_decoder_flush(vqz_decoder *dec);
/* VQZ_AGAIN until the header, metadata included, is complete. */
VQZ_API vqz_status vqz_decoder_info(vqz_decoder *dec, vqz_file_info *info);
/* The next band of rows, or VQZ_AGAIN, VQZ_END or an error. After an error nothing more is delivered of this picture. Without
 * vqz_decoder_next_frame, the picture is the first one of the file. */
VQZ_API vqz_status vqz_decoder_receive(vqz_decoder *dec, vqz_band *band);
/* Goes to the next frame, the first one at first, and says what it is; what has not been received of the one before is left out. Its bands come from
 * vqz_decoder_receive, which gives VQZ_END behind the last one, or an error: that costs this frame, and the next one may be asked for. VQZ_END:
 * there are no more frames. An error of this function is final, but for vqz_decoder_seek after VQZ_ERR_TRUNCATED. */
VQZ_API vqz_status vqz_decoder_next_frame(vqz_decoder *dec, vqz_frame *frame);
/* Instead of vqz_decoder_send: a whole packet, first the header. Frames may come from anywhere in the sequence, with the header before them or
 * not. VQZ_AGAIN then means that the packet has been used up; what was not received of it before the next one is left out. */
VQZ_API vqz_status vqz_decoder_send_packet(vqz_decoder *dec, const uint8_t *data, size_t size);
/* In a sequence whose header has been read: the next bytes to be sent are those from `offset` on, where a frame begins (vqz_toc). Go on with
 * vqz_decoder_next_frame. */
VQZ_API vqz_status vqz_decoder_seek(vqz_decoder *dec, uint64_t offset);
VQZ_API const vqz_error *vqz_decoder_error(const vqz_decoder *dec);
VQZ_API void vqz_decoder_close(vqz_decoder *dec); /* NULL is allowed */

/* ---- from file to packets, and where frames are ------------------------------------------------- */
/* Takes a file apart without decoding it: the header, then each frame. Of a still, the rest of the file is the one frame. */
typedef struct vqz_splitter vqz_splitter;
VQZ_API vqz_status vqz_splitter_open(vqz_splitter **split, const vqz_settings *settings, vqz_error *error);
VQZ_API vqz_status vqz_splitter_send(vqz_splitter *split, const uint8_t *data, size_t size);
VQZ_API vqz_status vqz_splitter_flush(vqz_splitter *split);
/* VQZ_AGAIN, VQZ_END and errors as with vqz_decoder_next_frame. */
VQZ_API vqz_status vqz_splitter_receive(vqz_splitter *split, vqz_packet *packet);
VQZ_API const vqz_error *vqz_splitter_error(const vqz_splitter *split);
VQZ_API void vqz_splitter_close(vqz_splitter *split); /* NULL is allowed */

/* The index at the end of a sequence: from the last VQZ_TAIL_SIZE bytes of the file, how many of its last bytes are the index; 0: more than
 * an index can have, so there is none. */
#define VQZ_TAIL_SIZE 8
VQZ_API uint32_t vqz_toc_size(const uint8_t tail[VQZ_TAIL_SIZE]);

typedef struct vqz_toc {
    uint32_t frames;
    int64_t start, end;                   /* pts of the first frame; pts and duration of the last one, together */
    uint32_t indexed;                     /* 0: where frames are is not said; they can only be found by reading on */
    uint32_t next;                        /* number of the frame that vqz_toc_next gives next */
    const uint8_t *at;
    size_t left;
    uint64_t offset;
    int64_t pts;
} vqz_toc;
typedef struct vqz_toc_entry {
    uint64_t offset;                      /* for vqz_decoder_seek */
    int64_t pts;
    uint32_t key;
} vqz_toc_entry;
/* `data` are those bytes; they must stay while *toc is used. Any error means that there is no index to be used. */
VQZ_API vqz_status vqz_toc_open(vqz_toc *toc, const uint8_t *data, size_t size, vqz_error *error);
/* The next frame; VQZ_END behind the last one. */
VQZ_API vqz_status vqz_toc_next(vqz_toc *toc, vqz_toc_entry *entry);

/* Looks for such a chunk among the first `size` bytes of a file, before the pictures: VQZ_OK and where its contents stand, whose checksum is right; VQZ_END: there
 * is none; VQZ_AGAIN: more bytes are needed to tell; else the error. */
VQZ_API vqz_status vqz_find_chunk(const uint8_t *data, size_t size, const char type[4], const uint8_t **contents, size_t *contents_size);

/* Cheap look at the first bytes: VQZ_OK a vqz file of a known major version, VQZ_AGAIN: more bytes are needed to tell, else the error. */
VQZ_API vqz_status vqz_probe(const uint8_t *data, size_t size);

#ifdef __cplusplus
}
#endif
#endif
