/* Encoder: pictures and sequences in, pieces of the file out. */
#include "module.h"
#include <stdlib.h>
#include <string.h>

typedef struct encoder_object {
    PyObject_HEAD
    vqz_encoder *encoder;
    PyObject *model;             /* NULL: the built-in one */
    size_t row, rows;            /* bytes and number of the picture's rows; 0 before begin */
    bool busy;
} encoder_object;

enum { ROWS_AT_ONCE = 128 };     /* between looks for signals */

typedef struct output {
    char *data;
    size_t size, room;
} output;

static PyObject *encoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"quality", "effort", "tune", "lossless", "tile_size", "pixel_hash", "threads", "cpu", "max_pixels", "max_memory", "model", "key_interval", NULL};
    vqz_settings s;
    vqz_settings_init(&s);
    const char *tune = "visual";
    int lossless = 0, pixel_hash = 0;
    uint64_t max_memory = s.max_memory;
    PyObject *model = Py_None;
    vqz_model *used = NULL;
    vqz_error error = {.offset = UINT64_MAX};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$fispO&pO&O&O&O&OO&:Encoder", names, &s.quality, &s.effort, &tune, &lossless, to_uint32, &s.tile_size, &pixel_hash,
                                     to_uint32, &s.threads, to_cpu, &s.cpu, to_uint64, &s.max_pixels, to_uint64, &max_memory, &model,
                                     to_uint32, &s.key_interval))
        return NULL;
    if (strcmp(tune, "visual") == 0) s.tune = VQZ_TUNE_VISUAL;
    else if (strcmp(tune, "psnr") == 0) s.tune = VQZ_TUNE_PSNR;
    else return PyErr_Format(PyExc_ValueError, "tune is \"visual\" or \"psnr\", not \"%s\"", tune);
    s.lossless = (uint32_t)lossless;
    s.pixel_hash = (uint32_t)pixel_hash;
    s.max_memory = max_memory > SIZE_MAX ? SIZE_MAX : (size_t)max_memory;

    encoder_object *self = (encoder_object *)PyType_GenericAlloc(type, 0);
    if (!self) return NULL;
    if (model != Py_None) {
        used = model_of((PyObject *)self, model);
        if (used) self->model = Py_NewRef(model);
    } else if (!s.lossless && s.tune < vqz_model_builtin_count()) used = builtin_model((PyObject *)self, s.tune);     /* as NULL would; of lossless files the library knows */
    if (PyErr_Occurred()) goto failed;
    vqz_status status;
    Py_BEGIN_ALLOW_THREADS
    status = vqz_encoder_open(&self->encoder, &s, used, &error);
    Py_END_ALLOW_THREADS
    if (status == VQZ_OK) return (PyObject *)self;
    raise_status((PyObject *)self, status, &error);
failed:
    Py_DECREF(self);
    return NULL;
}

static void encoder_dealloc(PyObject *base) {
    encoder_object *self = (encoder_object *)base;
    PyTypeObject *type = Py_TYPE(base);
    vqz_encoder_close(self->encoder);
    Py_XDECREF(self->model);
    PyObject_Free(base);
    Py_DECREF(type);
}

/* Without the interpreter's lock. VQZ_AGAIN and VQZ_END: all that there is. */
static vqz_status collect(vqz_encoder *encoder, output *out) {
    const uint8_t *data;
    size_t size;
    vqz_status status;
    while ((status = vqz_encoder_receive(encoder, &data, &size)) == VQZ_OK) {
        if (!out->data || size > out->room - out->size) {
            const size_t room = 2 * out->room + size + 4096;
            char *larger = size <= PY_SSIZE_T_MAX / 4 && out->room <= PY_SSIZE_T_MAX / 4 ? realloc(out->data, room) : NULL;
            if (!larger) return VQZ_ERR_MEMORY;
            out->data = larger;
            out->room = room;
        }
        memcpy(out->data + out->size, data, size);
        out->size += size;
    }
    return status;
}

/* Leaves the context: bytes, or the error. */
static PyObject *result(encoder_object *self, vqz_status status, output *out) {
    PyObject *bytes = NULL;
    self->busy = false;
    if (!PyErr_Occurred()) {
        if (status == VQZ_OK || status == VQZ_AGAIN || status == VQZ_END) bytes = PyBytes_FromStringAndSize(out->data ? out->data : "", (Py_ssize_t)out->size);
        else raise_status((PyObject *)self, status, vqz_encoder_error(self->encoder));
    }
    free(out->data);
    return bytes;
}

static PyObject *encoder_begin(PyObject *base, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"width", "height", "channels", "orientation", "cicp", "icc", "exif", "xmp", "timebase", NULL};
    encoder_object *self = (encoder_object *)base;
    uint32_t channels;
    vqz_image_info info = {0};
    vqz_timing timing = {0};
    unsigned char orientation = 1;
    const char *cicp = NULL;
    Py_ssize_t cicp_size = 0, icc = 0, exif = 0, xmp = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&O&O&|$by#y#y#y#(O&O&):begin", names, to_uint32, &info.width, to_uint32, &info.height, to_uint32, &channels, &orientation,
                                     &cicp, &cicp_size, &info.meta.icc, &icc, &info.meta.exif, &exif, &info.meta.xmp, &xmp,
                                     to_uint32, &timing.timebase_num, to_uint32, &timing.timebase_den))
        return NULL;
    if (channels < VQZ_GRAY || channels > VQZ_RGBA) return PyErr_Format(PyExc_ValueError, "1 to 4 samples per pixel are possible, not %u", (unsigned)channels);
    if (cicp && cicp_size != sizeof info.cicp) return PyErr_Format(PyExc_ValueError, "cicp has 4 numbers, not %zd", cicp_size);
    if (cicp) memcpy(info.cicp, cicp, sizeof info.cicp);
    info.layout = (vqz_layout)channels;
    info.orientation = orientation;
    info.meta.icc_size = (size_t)icc;
    info.meta.exif_size = (size_t)exif;
    info.meta.xmp_size = (size_t)xmp;
    if (!context_enter(&self->busy)) return NULL;
    self->row = self->rows = 0;
    output out = {0};
    vqz_status status = timing.timebase_den ? vqz_encoder_begin_sequence(self->encoder, &info, &timing) : vqz_encoder_begin(self->encoder, &info);
    if (status == VQZ_OK) {      /* so that its product is no more than the library's limit */
        self->row = (size_t)info.width * channels;
        self->rows = info.height;
        status = collect(self->encoder, &out);
    }
    return result(self, status, &out);
}

static PyObject *encoder_frame(PyObject *base, PyObject *args) {
    encoder_object *self = (encoder_object *)base;
    long long pts;
    uint64_t duration;
    output none = {0};
    if (!PyArg_ParseTuple(args, "LO&:frame", &pts, to_uint64, &duration) || !context_enter(&self->busy)) return NULL;
    return result(self, vqz_encoder_begin_frame(self->encoder, pts, duration), &none);
}

static PyObject *encoder_add(PyObject *base, PyObject *args) {
    encoder_object *self = (encoder_object *)base;
    Py_buffer pixels;
    if (!PyArg_ParseTuple(args, "y*:add", &pixels)) return NULL;
    if (!self->row || (size_t)pixels.len != self->row * self->rows) {
        PyErr_Format(PyExc_ValueError, "a picture of %zu rows of %zu bytes was expected, not %zd bytes", self->rows, self->row, pixels.len);
        PyBuffer_Release(&pixels);
        return NULL;
    }
    output out = {0};
    vqz_status status = VQZ_OK;
    if (!context_enter(&self->busy)) {
        PyBuffer_Release(&pixels);
        return NULL;
    }
    for (size_t y = 0; y < self->rows && (status == VQZ_OK || status == VQZ_AGAIN); y += ROWS_AT_ONCE) {
        const size_t rows = self->rows - y < ROWS_AT_ONCE ? self->rows - y : ROWS_AT_ONCE;
        Py_BEGIN_ALLOW_THREADS
        status = vqz_encoder_send_rows(self->encoder, (const uint8_t *)pixels.buf + y * self->row, (ptrdiff_t)self->row, (uint32_t)rows);
        if (status == VQZ_OK) status = collect(self->encoder, &out);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0) break;
    }
    PyBuffer_Release(&pixels);
    return result(self, status, &out);
}

static PyObject *encoder_end(PyObject *base, PyObject *unused) {
    encoder_object *self = (encoder_object *)base;
    output out = {0};
    (void)unused;
    if (!context_enter(&self->busy)) return NULL;
    vqz_status status = vqz_encoder_end_sequence(self->encoder);
    if (status == VQZ_OK) status = collect(self->encoder, &out);
    return result(self, status, &out);
}

static PyMethodDef methods[] = {
    {"begin", (PyCFunction)(void (*)(void))encoder_begin, METH_VARARGS | METH_KEYWORDS, "Begins a picture, or with a timebase a sequence. This and all others return what there is of the file."},
    {"frame", encoder_frame, METH_VARARGS, "Begins the next frame of a sequence: pts, duration."},
    {"add", encoder_add, METH_VARARGS, "All rows of the picture or frame."},
    {"end", encoder_end, METH_NOARGS, "Ends a sequence."},
    {0},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "Encoder(**settings): vqz_encoder of include/vqz/vqz.h."},
    {Py_tp_new, encoder_new},
    {Py_tp_dealloc, encoder_dealloc},
    {Py_tp_methods, methods},
    {0},
};
PyType_Spec encoder_spec = {"vqz._vqz.Encoder", sizeof(encoder_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
