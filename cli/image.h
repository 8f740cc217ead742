/* Pictures in and out of the program. A reader delivers a picture's properties, then its rows from top to bottom; a
 * writer takes the same. Every file format is one pair of files behind these two interfaces. */
#ifndef VQZ_CLI_IMAGE_H
#define VQZ_CLI_IMAGE_H
#include "cli/lazy.h"

typedef enum video_matrix { MATRIX_AUTO, MATRIX_BT601, MATRIX_BT709 } video_matrix;

typedef struct image_config {
    vqz_settings settings;       /* limits for every format; the rest is for .vqz */
    vqz_model *model;            /* what encode uses, beside the built-in ones for what is read */
    vqz_model *other;            /* the built-in one that is not `model`, opened once for all files that are read; or NULL */
    video_matrix matrix;         /* y4m */
    int png_level;               /* 0..9 */
    vqz_timing timing;           /* of a sequence: --fps for readers, what y4m is to say for writers; all 0: not given */
    vqz_timing clock;            /* for writers that keep times: the unit, and when this picture is shown */
    int64_t pts;
} image_config;

typedef struct image_rows {
    const uint8_t *pixels;       /* valid until the next call on the reader */
    ptrdiff_t stride;
    uint32_t count;
} image_rows;

/* ---- readers ---- */
typedef struct image_reader image_reader;
typedef struct image_reader_ops {
    const char *name;            /* "PNG" */
    size_t size;                 /* of the reader's own structure, which begins with an image_reader */
    bool (*probe)(const uint8_t *head, size_t size);
    vqz_status (*open)(image_reader *r, const image_config *config, vqz_error *e);     /* r is zero but for ops and in; closed if this fails. NULL: not in this build */
    vqz_status (*next)(image_reader *r, image_rows *rows, vqz_error *e);
    void (*close)(image_reader *r);
    lazy_library *library;       /* that it needs; NULL: none, or linked */
} image_reader_ops;
extern const image_reader_ops image_png_reader, image_jpeg_reader, image_pnm_reader, image_y4m_reader, image_vqz_reader, image_webp_reader, image_tiff_reader,
    image_heif_reader;

struct image_reader {
    const image_reader_ops *ops;
    source *in;
    vqz_image_info info;         /* blobs belong to the reader */
    char note[160];              /* what the conversion changed; "" when nothing */
    bool loss;                   /* by which the source has something that no quality keeps; like the note, complete when all rows have been read */
    bool moving;                 /* there may be more pictures, all with this info */
    vqz_timing timing;           /* of those */
    vqz_frame frame;             /* the present one: time, and for .vqz the rest */
    vqz_status (*go_on)(image_reader *r, vqz_error *e);  /* to the next picture; NULL where there is one only */
    bool begun;                  /* the first picture has been asked for */
    vqz_file_info file;          /* .vqz only */
    uint64_t unverified_tiles;   /* .vqz only, so far */
};

/* Recognises the format by its first bytes. The source must outlive the reader. */
vqz_status image_reader_open(image_reader **r, source *in, const image_config *config, vqz_error *e);
/* The same for a format that is known, whatever the first bytes are. */
vqz_status image_reader_open_as(const image_reader_ops *ops, image_reader **r, source *in, const image_config *config, vqz_error *e);
/* To be called before a sandbox is entered, where libraries cannot be loaded any more. */
void image_readers_prepare(void);
/* Numbered files as one sequence. `first` is the file of `number` and must outlive the reader, like `pattern`. */
vqz_status image_numbered_open(image_reader **r, source *first, const char *pattern, uint64_t number, const image_config *config, vqz_error *e);
/* Where there may be several pictures: goes to the next one, the first one at first. VQZ_END: there are no more. Without it, rows are those of
 * the first one. After an error of image_reader_next it may still succeed, after one of its own only an end can follow. */
vqz_status image_reader_go_on(image_reader *r, vqz_error *e);
/* VQZ_OK with at least one row, VQZ_END after the last one of the picture, or an error. */
vqz_status image_reader_next(image_reader *r, image_rows *rows, vqz_error *e);
void image_reader_close(image_reader *r);      /* NULL is allowed */

/* For readers: VQZ_ERR_LIMIT for sizes that vqz or the settings refuse. */
vqz_status image_check_size(uint64_t width, uint64_t height, const image_config *config, vqz_error *e);
/* For readers: malloc of height * stride bytes within the memory limit. */
vqz_status image_alloc(uint8_t **p, uint64_t height, uint64_t stride, const image_config *config, vqz_error *e);
void image_note(image_reader *r, const char *text);
/* The same of something that is lost: such a source is never deleted. */
void image_note_loss(image_reader *r, const char *text);
/* A note that a picture, unless it is small, takes memory in proportion to its size, and why. */
void image_note_whole(image_reader *r, const char *why);

/* ---- writers ---- */
typedef enum image_format {
    FORMAT_NONE,
    FORMAT_PNG,
    FORMAT_PPM,
    FORMAT_PGM,
    FORMAT_PNM,
    FORMAT_PAM,
    FORMAT_Y4M,
    FORMAT_NUT
} image_format;

typedef struct image_writer image_writer;
typedef struct image_writer_ops {
    vqz_status (*open)(image_writer **w, sink *out, image_format format, const vqz_image_info *info,
                       const image_config *config, vqz_error *e);
    vqz_status (*rows)(image_writer *w, const image_rows *rows, vqz_error *e);
    vqz_status (*finish)(image_writer *w, vqz_error *e);
    void (*close)(image_writer *w);
} image_writer_ops;
extern const image_writer_ops image_png_writer, image_pnm_writer, image_y4m_writer, image_nut_writer;

struct image_writer {
    const image_writer_ops *ops;
    sink *out;
    uint32_t width, height;
    vqz_layout layout;           /* of the rows that come in */
    char note[160];              /* what the file format cannot hold */
};
/* Several pictures in one file: PNM and PAM simply follow each other, y4m and NUT have one header, at the beginning of the file. */
bool image_format_moves(image_format f);

image_format image_format_of(const char *name);          /* "png"; FORMAT_NONE where unknown */
const char *image_format_name(uint32_t i);   /* one by one; NULL past the last */
image_format image_format_of_path(const char *path);     /* by extension */
const char *image_format_extension(image_format f);

vqz_status image_writer_open(image_writer **w, sink *out, image_format format, const vqz_image_info *info,
                             const image_config *config, vqz_error *e);
vqz_status image_writer_rows(image_writer *w, const image_rows *rows, vqz_error *e);
vqz_status image_writer_finish(image_writer *w, vqz_error *e);   /* all rows have come; the sink is not committed */
void image_writer_close(image_writer *w);      /* NULL is allowed */

/* One row in another layout; alpha is dropped or 255, colour becomes gray only where `to` is gray. */
void image_convert_row(uint8_t *dst, vqz_layout to, const uint8_t *src, vqz_layout from, uint32_t width);

/* ---- whole pictures ---- */
typedef struct image {
    vqz_image_info info;         /* blobs are borrowed from where the picture came from */
    uint8_t *pixels;
    size_t stride;
} image;

/* Reads all rows of a reader that was just opened. */
vqz_status image_load(image *im, image_reader *r, const image_config *config, vqz_error *e);
vqz_status image_to_rgb(image *im, vqz_error *e);        /* alpha over mid gray; drops alpha */
void image_free(image *im);
#endif
