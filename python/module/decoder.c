/* Decoder: pieces of a file in, descriptions and pixels out. Where more input is needed first, methods return None. */
#include "module.h"
#include <stdlib.h>
#include <string.h>

typedef struct decoder_object {
    PyObject_HEAD
    vqz_decoder *decoder;
    PyObject *models;            /* a tuple */
    unsigned long long unverified;   /* tiles of the picture that is being received */
    bool busy;
} decoder_object;

static vqz_status add_models(decoder_object *self, vqz_error *error) {
    const Py_ssize_t given = PyTuple_Size(self->models), count = given + (Py_ssize_t)vqz_model_builtin_count();
    for (Py_ssize_t i = 0; i < count; i++) {
        vqz_model *model = i < given ? model_of((PyObject *)self, PyTuple_GetItem(self->models, i)) : builtin_model((PyObject *)self, (uint32_t)(i - given));
        if (!model) return VQZ_ERR_ARGUMENT;                 /* with a Python exception */
        const vqz_status status = vqz_decoder_add_model(self->decoder, model);
        if (status != VQZ_OK) {
            *error = *vqz_decoder_error(self->decoder);
            return status;
        }
    }
    return VQZ_OK;
}

static PyObject *decoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"partial", "verify", "threads", "cpu", "max_pixels", "max_memory", "models", NULL};
    vqz_settings s;
    vqz_settings_init(&s);
    int partial = 0, verify = 1;
    uint64_t max_memory = s.max_memory;
    PyObject *models = NULL;
    vqz_error error = {.offset = UINT64_MAX};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$ppO&O&O&O&O:Decoder", names, &partial, &verify, to_uint32, &s.threads, to_cpu, &s.cpu, to_uint64, &s.max_pixels,
                                     to_uint64, &max_memory, &models))
        return NULL;
    s.partial = (uint32_t)partial;
    s.verify = (uint32_t)verify;
    s.max_memory = max_memory > SIZE_MAX ? SIZE_MAX : (size_t)max_memory;

    decoder_object *self = (decoder_object *)PyType_GenericAlloc(type, 0);
    if (!self) return NULL;
    self->models = models ? PySequence_Tuple(models) : PyTuple_New(0);
    vqz_status status = VQZ_ERR_ARGUMENT;
    if (self->models) {
        status = vqz_decoder_open(&self->decoder, &s, &error);
        if (status == VQZ_OK) status = add_models(self, &error);
    }
    if (status == VQZ_OK) return (PyObject *)self;
    if (!PyErr_Occurred()) raise_status((PyObject *)self, status, &error);
    Py_DECREF(self);
    return NULL;
}

static void decoder_dealloc(PyObject *base) {
    decoder_object *self = (decoder_object *)base;
    PyTypeObject *type = Py_TYPE(base);
    vqz_decoder_close(self->decoder);
    Py_XDECREF(self->models);
    PyObject_Free(base);
    Py_DECREF(type);
}

static PyObject *failed(decoder_object *self, vqz_status status) {
    return raise_status((PyObject *)self, status, vqz_decoder_error(self->decoder));
}

static PyObject *decoder_send(PyObject *base, PyObject *args) {
    decoder_object *self = (decoder_object *)base;
    Py_buffer bytes;
    vqz_status status;
    if (!PyArg_ParseTuple(args, "y*:send", &bytes)) return NULL;
    if (!context_enter(&self->busy)) {
        PyBuffer_Release(&bytes);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = vqz_decoder_send(self->decoder, bytes.buf, (size_t)bytes.len);
    Py_END_ALLOW_THREADS
    self->busy = false;
    PyBuffer_Release(&bytes);
    return status == VQZ_OK ? Py_NewRef(Py_None) : failed(self, status);
}

static PyObject *decoder_flush(PyObject *base, PyObject *unused) {
    decoder_object *self = (decoder_object *)base;
    vqz_status status;
    (void)unused;
    if (!context_enter(&self->busy)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = vqz_decoder_flush(self->decoder);
    Py_END_ALLOW_THREADS
    self->busy = false;
    return status == VQZ_OK ? Py_NewRef(Py_None) : failed(self, status);
}

static PyObject *decoder_info(PyObject *base, PyObject *unused) {
    decoder_object *self = (decoder_object *)base;
    vqz_file_info f;
    (void)unused;
    if (!context_enter(&self->busy)) return NULL;
    const vqz_status status = vqz_decoder_info(self->decoder, &f);
    self->busy = false;
    if (status == VQZ_AGAIN) Py_RETURN_NONE;
    if (status != VQZ_OK) return failed(self, status);
    const vqz_image_info *i = &f.image;
    const vqz_metadata *m = &i->meta;
    return Py_BuildValue("{sI sI sI sI sy# sy# sy# sy# s(II) s(II) sy# s(II) sd sK sO s(II) sI}",
                         "width", (unsigned)i->width, "height", (unsigned)i->height, "channels", (unsigned)i->layout, "orientation", (unsigned)(i->orientation ? i->orientation : 1),
                         "cicp", i->cicp, (Py_ssize_t)sizeof i->cicp,
                         "icc", m->icc, (Py_ssize_t)m->icc_size, "exif", m->exif, (Py_ssize_t)m->exif_size, "xmp", m->xmp, (Py_ssize_t)m->xmp_size,
                         "tile_size", (unsigned)f.tile_width, (unsigned)f.tile_height, "tiles", (unsigned)f.tiles_x, (unsigned)f.tiles_y,
                         "model_id", f.model_id, (Py_ssize_t)sizeof f.model_id, "format_version", (unsigned)f.major, (unsigned)f.minor,
                         "quality", f.quality_x16 / 16.0, "peak_memory", (unsigned long long)f.peak_memory, "sequence", f.sequence ? Py_True : Py_False,
                         "timebase", (unsigned)f.timing.timebase_num, (unsigned)f.timing.timebase_den, "frames", (unsigned)(f.sequence ? f.timing.frames : 1));
}

static PyObject *decoder_next_frame(PyObject *base, PyObject *unused) {
    decoder_object *self = (decoder_object *)base;
    vqz_frame f;
    vqz_status status;
    (void)unused;
    if (!context_enter(&self->busy)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = vqz_decoder_next_frame(self->decoder, &f);
    Py_END_ALLOW_THREADS
    self->busy = false;
    self->unverified = 0;
    if (status == VQZ_AGAIN) Py_RETURN_NONE;
    if (status == VQZ_END) return PyTuple_New(0);
    if (status != VQZ_OK) return failed(self, status);
    return Py_BuildValue("KLKO", (unsigned long long)f.number, (long long)f.pts, (unsigned long long)f.duration, f.key ? Py_True : Py_False);
}

static PyObject *decoder_receive(PyObject *base, PyObject *args) {
    decoder_object *self = (decoder_object *)base;
    Py_buffer pixels;
    vqz_file_info info;
    vqz_band band;
    vqz_status status;
    if (!PyArg_ParseTuple(args, "w*:receive", &pixels)) return NULL;
    if (!context_enter(&self->busy)) {
        PyBuffer_Release(&pixels);
        return NULL;
    }
    status = vqz_decoder_info(self->decoder, &info);
    if (status == VQZ_OK) {
        const size_t row = (size_t)info.image.width * (size_t)info.image.layout;
        if ((size_t)pixels.len != row * info.image.height) PyErr_Format(PyExc_ValueError, "room for %zu bytes was expected, not %zd", row * info.image.height, pixels.len);
        else {
            Py_BEGIN_ALLOW_THREADS
            while ((status = vqz_decoder_receive(self->decoder, &band)) == VQZ_OK) {
                for (size_t y = 0; y < band.rows; y++) memcpy((char *)pixels.buf + (band.y + y) * row, band.pixels + (ptrdiff_t)y * band.stride, row);
                self->unverified += band.unverified_tiles;
            }
            Py_END_ALLOW_THREADS
        }
    }
    self->busy = false;
    PyBuffer_Release(&pixels);
    if (PyErr_Occurred()) return NULL;
    if (status == VQZ_AGAIN) Py_RETURN_NONE;
    return status == VQZ_END ? PyLong_FromUnsignedLongLong(self->unverified) : failed(self, status);
}

static PyMethodDef methods[] = {
    {"send", decoder_send, METH_VARARGS, "The next bytes of the file."},
    {"flush", decoder_flush, METH_NOARGS, "There are no more."},
    {"info", decoder_info, METH_NOARGS, "What the header says, as a dictionary."},
    {"next_frame", decoder_next_frame, METH_NOARGS, "Number, pts and duration of the next frame, and whether it is a key frame; () behind the last one."},
    {"receive", decoder_receive, METH_VARARGS, "Writes the picture's rows; when all are there, how many tiles are not verified."},
    {0},
};
static PyType_Slot slots[] = {
    {Py_tp_doc, "Decoder(**settings): vqz_decoder of include/vqz/vqz.h."},
    {Py_tp_new, decoder_new},
    {Py_tp_dealloc, decoder_dealloc},
    {Py_tp_methods, methods},
    {0},
};
PyType_Spec decoder_spec = {"vqz._vqz.Decoder", sizeof(decoder_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
