/* vqz transcode: films in and out through FFmpeg's libraries. A packet goes from film_in to a decoder, its frames through a graph of filters to
 * an encoder, the encoder's packets to film_out; packets of sound and subtitles go to film_out as they are. */
#ifndef VQZ_CLI_TRANSCODE_H
#define VQZ_CLI_TRANSCODE_H
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/pixdesc.h>
#include "cli/image.h"
#include "cli/options.h"
#include "cli/progress.h"

#define VQZ_TAG MKTAG('V', 'Q', 'Z', '0')         /* in other containers, as in plugins/ffmpeg */
#define MICROSECONDS ((AVRational){1, AV_TIME_BASE})

/* ---- args.c ---- */
typedef struct film_args {
    options o;                   /* what all commands share */
    const char *in, *out, *in_format, *out_format, *codec, *filters, *pixel_format;
    AVDictionary *in_options, *out_options;     /* of FFmpeg's own */
    int64_t start, length;       /* in microseconds; AV_NOPTS_VALUE: not given */
    AVRational rate;             /* 0/1: as it comes */
    int64_t frames;              /* at most */
    bool quality_given, no_sound, no_subtitles, copy_times;
    bool interval_given;                         /* -g */
} film_args;
/* `words`: the command line behind "vqz transcode". False after a message. */
bool film_args_parse(film_args *a, const options *o, char **words, int count);
void film_args_free(film_args *a);

/* FFmpeg's error `code` about `what`. */
vqz_status film_fail(vqz_error *e, int code, const char *what);
vqz_status film_no_memory(vqz_error *e);
/* Set by the first Ctrl-C (SIGINT) or SIGTERM: what has been done is finished, and is a whole file. */
bool film_stopped(void);

/* How long a frame is shown, in units of its times. */
static inline int64_t film_duration(const AVFrame *f) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    return f->duration;
#else
    return f->pkt_duration;
#endif
}
static inline void film_set_duration(AVFrame *f, int64_t duration) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    f->duration = duration;
#else
    f->pkt_duration = duration;
#endif
}

/* ---- in.c, in_vqz.c ---- */
typedef struct vqz_film vqz_film;
typedef struct film_in {
    AVFormatContext *format;     /* NULL: a .vqz file */
    vqz_film *vqz;
    AVIOContext *pipe;           /* standard input */
    source source;
    int video;                   /* which stream; 0 in a .vqz file */
    bool coded_by_vqz;           /* the stream */
    AVCodecParameters *par;      /* its; with vqz the header is the extradata */
    AVRational timebase, rate, aspect;
    int64_t start, length;       /* of all streams, in microseconds; length 0: not known */
    int orientation;             /* of the display matrix, as in EXIF: 1..8 */
} film_in;
vqz_status film_in_open(film_in *in, const film_args *a, vqz_error *e);
/* To the last place from which everything from `time` (microseconds) on can be decoded, where that is possible. */
vqz_status film_in_seek(film_in *in, int64_t time, vqz_error *e);
vqz_status film_in_read(film_in *in, AVPacket *packet, vqz_error *e);     /* VQZ_END behind the last one */
bool film_is_file(const char *name);             /* and no URL */
uint64_t film_in_lost(const film_in *in);        /* frames of which there was not even a packet */
void film_in_close(film_in *in);

vqz_status vqz_film_open(vqz_film **film, film_in *in, const film_args *a, vqz_error *e);
vqz_status vqz_film_seek(vqz_film *film, int64_t pts, vqz_error *e);
vqz_status vqz_film_read(vqz_film *film, AVPacket *packet, vqz_error *e);
uint64_t vqz_film_lost(const vqz_film *film);
void vqz_film_close(vqz_film *film);
/* A decoder that knows the model of --model and has read `header`, of which Matroska may have made a byte more. */
vqz_status vqz_film_decoder(vqz_decoder **dec, const uint8_t *header, int size, const options *o, vqz_file_info *info, vqz_error *e);

/* ---- decode.c ---- */
typedef struct film_decoder {
    AVCodecContext *av;          /* NULL: vqz */
    vqz_decoder *vqz;
    vqz_file_info info;
    AVPacket *packet;            /* vqz: times of what was sent; its data have been used */
    AVRational timebase;
    bool waiting, ended;
    uint64_t lost;               /* frames that could not be decoded */
} film_decoder;
vqz_status film_decoder_open(film_decoder *d, const film_in *in, const film_args *a, vqz_error *e);
vqz_status film_decoder_send(film_decoder *d, const AVPacket *packet, vqz_error *e);    /* NULL: there are no more */
vqz_status film_decoder_receive(film_decoder *d, AVFrame *frame, vqz_error *e);        /* VQZ_AGAIN, VQZ_END */
void film_decoder_close(film_decoder *d);

/* ---- graph.c ---- */
typedef struct film_graph {
    const film_args *args;
    AVRational timebase, rate, aspect;
    int orientation;
    enum AVPixelFormat wanted;   /* of what comes out; AV_PIX_FMT_NONE: as it is */
    const char *yuv;             /* options of the scale filter where RGB becomes YUV in the graph, or NULL */
    bool constant;               /* frames come out at a constant rate, for formats that have no times */
    AVFilterGraph *graph;        /* NULL: none yet */
    AVFilterContext *from, *to;
    AVFrame *like;               /* properties of the frames that it was made for; no pixels */
    int64_t end;                 /* when the last frame ends that was sent */
    int width, height;           /* of what comes out; 0: not known yet */
    bool changed;                /* the size changed on the way: frames are scaled to the first one */
} film_graph;
vqz_status film_graph_open(film_graph *g, const film_args *a, const film_in *in, vqz_error *e);
/* Makes it for frames like this one, the first; or again, for another `wanted` and `yuv`, before the first frame is sent. */
vqz_status film_graph_prepare(film_graph *g, const AVFrame *frame, vqz_error *e);
enum AVPixelFormat film_graph_format(const film_graph *g);       /* of what comes out */
AVRational film_graph_timebase(const film_graph *g);
/* False: before this frame is sent, an end (NULL) should be, and all that comes out received. */
bool film_graph_fits(const film_graph *g, const AVFrame *frame);
vqz_status film_graph_send(film_graph *g, AVFrame *frame, vqz_error *e);
vqz_status film_graph_receive(film_graph *g, AVFrame *frame, vqz_error *e);
void film_graph_close(film_graph *g);

/* ---- pixels.c: exact conversions between FFmpeg's frames and rows of vqz ---- */
/* The format nearest to `from` that can be turned into rows, which may be `from` itself. */
enum AVPixelFormat film_readable(enum AVPixelFormat from);
vqz_layout film_layout(enum AVPixelFormat format);        /* of what film_rows makes of it */
/* All rows of a frame; `buffer` is malloc'ed and grows, where rows have to be made. */
vqz_status film_rows(const AVFrame *frame, image_rows *rows, uint8_t **buffer, const options *o, vqz_error *e);
enum AVPixelFormat film_format(vqz_layout layout);
bool film_writable(enum AVPixelFormat format);            /* YUV that film_to_yuv makes */
/* BT.601, BT.709 or BT.2020 for RGB with these primaries and this size. */
enum AVColorSpace film_matrix(enum AVColorPrimaries primaries, int width, int height);
/* A frame of RGB or gray as `format` with that matrix. */
vqz_status film_to_yuv(const AVFrame *rgb, enum AVPixelFormat format, enum AVColorSpace matrix, AVFrame *yuv, vqz_error *e);

/* ---- out.c ---- */
typedef struct film_out {
    const film_args *args;
    const film_in *in;
    AVFormatContext *format;     /* NULL: a .vqz file */
    sink file;
    bool file_open;
    AVIOContext *io;             /* `format` writes to `file` by it; NULL: by itself */
    AVDictionary *options;       /* that nobody has taken yet */
    const AVCodec *codec;        /* FFmpeg's encoder; NULL: vqz, or the packets of the input where `copies` */
    bool copies, begun;
    int video, *map;             /* which stream of the output: the film, and each stream of the input; -1: none */
    int64_t zero;                /* microseconds of the input that are 0 in the output */
    AVPacket **waiting;          /* until the first frame has been encoded */
    size_t waiting_count, waiting_room, waiting_bytes;
    uint64_t written;            /* bytes, when they were last looked at */
    char note[160];              /* what was left out */
} film_out;
vqz_status film_out_open(film_out *out, const film_args *a, const film_in *in, vqz_error *e);
/* The header, for a stream of video like this one. Options that nobody has taken are an error. */
vqz_status film_out_begin(film_out *out, const AVCodecParameters *par, AVRational timebase, AVRational rate, vqz_error *e);
/* A packet of video, with times in `timebase`; unreferenced. */
vqz_status film_out_video(film_out *out, AVPacket *packet, AVRational timebase, vqz_error *e);
bool film_out_wants(const film_out *out, int stream);
/* A packet of another stream, as it was read; unreferenced. */
vqz_status film_out_other(film_out *out, AVPacket *packet, vqz_error *e);
vqz_status film_out_bytes(film_out *out, const uint8_t *data, size_t size, vqz_error *e);    /* of a .vqz file */
uint64_t film_out_written(film_out *out);
/* The output is complete, and gets its name. */
vqz_status film_out_finish(film_out *out, vqz_error *e);
void film_out_close(film_out *out);

/* ---- encode.c ---- */
typedef struct film_encoder {
    const film_args *args;
    film_out *out;
    const AVCodec *codec;        /* NULL: vqz */
    AVCodecContext *av;
    vqz_encoder *vqz;
    AVRational timebase, rate;   /* of the frames that come in */
    enum AVPixelFormat format;   /* of the YUV that is made of RGB; AV_PIX_FMT_NONE: frames are taken as they are */
    enum AVColorSpace matrix;
    AVFrame *held, *yuv;         /* vqz is told how long a frame lasts: until the next one comes */
    AVPacket *packet;
    uint8_t *rows;
    vqz_image_info info;
    int64_t last, step;          /* pts of the last frame that was taken; what lay between it and the one before */
    uint64_t frames, late;       /* taken; left out, since they do not come behind the one before */
    bool opened;
    char note[160];
} film_encoder;
vqz_status film_encoder_open(film_encoder *c, const film_args *a, film_out *out, vqz_error *e);
/* Makes the graph for frames like the first one so that it delivers what the encoder takes. */
vqz_status film_encoder_choose(film_encoder *c, film_graph *g, const AVFrame *first, vqz_error *e);
/* A frame out of the graph; unreferenced. */
vqz_status film_encoder_send(film_encoder *c, AVFrame *frame, vqz_error *e);
vqz_status film_encoder_finish(film_encoder *c, vqz_error *e);
void film_encoder_close(film_encoder *c);
#endif
