#include "module.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

PyObject *raise_status(PyObject *self, vqz_status status, const vqz_error *error) {
    const module_state *state = PyType_GetModuleState(Py_TYPE(self));
    const bool told = error && error->status == status && error->text[0];
    PyObject *offset = told && error->offset != UINT64_MAX ? PyLong_FromUnsignedLongLong(error->offset) : Py_NewRef(Py_None);
    if (!state || !offset) {
        Py_XDECREF(offset);
        return NULL;
    }
    PyObject *exception = PyObject_CallFunction(state->error, "isNs", (int)status, vqz_status_name(status), offset, told ? error->text : vqz_status_text(status));
    if (exception) {
        PyErr_SetObject(state->error, exception);
        Py_DECREF(exception);
    }
    return NULL;
}

bool context_enter(bool *busy) {
    if (*busy) {
        PyErr_SetString(PyExc_RuntimeError, "another thread is using this object: each thread needs one of its own");
        return false;
    }
    *busy = true;
    return true;
}

/* ---- converters ---- */
static int to_number(PyObject *value, unsigned long long most, unsigned long long *number) {
    PyObject *index = PyNumber_Index(value);
    if (!index) return 0;
    *number = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return 0;
        PyErr_Clear();
    } else if (*number <= most) return 1;
    PyErr_Format(PyExc_ValueError, "a whole number from 0 to %llu was expected, not %R", most, value);
    return 0;
}

int to_uint32(PyObject *value, void *number) {
    unsigned long long n;
    if (!to_number(value, UINT32_MAX, &n)) return 0;
    *(uint32_t *)number = (uint32_t)n;
    return 1;
}

int to_uint64(PyObject *value, void *number) {
    unsigned long long n;
    if (!to_number(value, UINT64_MAX, &n)) return 0;
    *(uint64_t *)number = n;
    return 1;
}

int to_cpu(PyObject *name, void *cpu) {
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL), *known;
    if (!text) return 0;
    for (uint32_t i = 0; (known = vqz_cpu_name(i)); i++)
        if (strcmp(text, known) == 0) {
            *(uint32_t *)cpu = i;
            return 1;
        }
    PyErr_Format(PyExc_ValueError, "no kernels are called %R", name);
    return 0;
}

/* ---- models ---- */
typedef struct model_object {
    PyObject_HEAD
    PyObject *bytes;             /* the library reads them as long as the model lives */
    vqz_model *model;
} model_object;

static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"data", NULL};
    PyObject *bytes;
    vqz_error error = {.offset = UINT64_MAX};
    vqz_status status;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "S:Model", names, &bytes)) return NULL;
    model_object *self = (model_object *)PyType_GenericAlloc(type, 0);
    if (!self) return NULL;
    self->bytes = Py_NewRef(bytes);
    const char *data = PyBytes_AsString(bytes);
    const size_t size = (size_t)PyBytes_Size(bytes);
    Py_BEGIN_ALLOW_THREADS
    status = vqz_model_open(&self->model, data, size, &error);
    Py_END_ALLOW_THREADS
    if (status == VQZ_OK) return (PyObject *)self;
    raise_status((PyObject *)self, status, &error);
    Py_DECREF(self);
    return NULL;
}

static void model_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    vqz_model_unref(((model_object *)self)->model);
    Py_XDECREF(((model_object *)self)->bytes);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *model_text(PyObject *self, void *which) {
    vqz_model_info info;
    vqz_model_get_info(((model_object *)self)->model, &info);
    const char *texts[] = {info.name, info.version, info.licence, info.provenance};
    return PyUnicode_FromString(texts[(uintptr_t)which]);
}

static PyObject *model_id(PyObject *self, void *unused) {
    vqz_model_info info;
    (void)unused;
    vqz_model_get_info(((model_object *)self)->model, &info);
    return PyBytes_FromStringAndSize((const char *)info.id, sizeof info.id);
}

vqz_model *model_of(PyObject *self, PyObject *model) {
    const module_state *state = PyType_GetModuleState(Py_TYPE(self));
    if (!state) return NULL;
    if (PyObject_TypeCheck(model, state->model)) return ((model_object *)model)->model;
    PyErr_Format(PyExc_TypeError, "a vqz.Model was expected, not %R", model);
    return NULL;
}

vqz_model *builtin_model(PyObject *self, uint32_t index) {
    const module_state *state = PyType_GetModuleState(Py_TYPE(self));
    vqz_error error = {.offset = UINT64_MAX};
    if (!state) return NULL;
    if (!state->builtin[index]) {
        const vqz_status status = vqz_model_builtin(&state->builtin[index], index, &error);
        if (status != VQZ_OK) raise_status(self, status, &error);
    }
    return state->builtin[index];
}

static PyGetSetDef model_fields[] = {
    {"id", model_id, NULL, "What files call it: 16 bytes.", NULL},
    {"name", model_text, NULL, NULL, (void *)0},
    {"version", model_text, NULL, NULL, (void *)1},
    {"licence", model_text, NULL, NULL, (void *)2},
    {"provenance", model_text, NULL, NULL, (void *)3},
    {0},
};
static PyType_Slot model_slots[] = {
    {Py_tp_doc, "Model(data: bytes)\n\nA model file beside the built-in ones, checked; any number of threads may use it."},
    {Py_tp_new, model_new},
    {Py_tp_dealloc, model_dealloc},
    {Py_tp_getset, model_fields},
    {0},
};
PyType_Spec model_spec = {"vqz.Model", sizeof(model_object), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, model_slots};

/* ---- module ---- */
static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **keep) {
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    const int result = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    if (keep && result == 0) *keep = (PyTypeObject *)type;
    else Py_XDECREF(type);
    return result;
}

static int module_exec(PyObject *module) {
    module_state *state = PyModule_GetState(module);
    state->builtin = calloc(vqz_model_builtin_count(), sizeof *state->builtin);
    if (!state->builtin) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *errors = PyImport_ImportModule("vqz._error");
    if (!errors) return -1;
    state->error = PyObject_GetAttrString(errors, "Error");
    Py_DECREF(errors);
    if (!state->error || add_type(module, &model_spec, &state->model) < 0 || add_type(module, &encoder_spec, NULL) < 0 || add_type(module, &decoder_spec, NULL) < 0) return -1;
    return PyModule_AddStringConstant(module, "version", vqz_version());
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    const module_state *state = PyModule_GetState(module);
    Py_VISIT(state->error);
    Py_VISIT(state->model);
    return 0;
}

static int module_clear(PyObject *module) {
    module_state *state = PyModule_GetState(module);
    Py_CLEAR(state->error);
    Py_CLEAR(state->model);
    return 0;
}

static void module_free(void *module) {
    module_state *state = PyModule_GetState(module);
    module_clear(module);
    for (uint32_t i = 0; state->builtin && i < vqz_model_builtin_count(); i++) vqz_model_unref(state->builtin[i]);
    free(state->builtin);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "vqz._vqz", .m_doc = "The C library's contexts; vqz is made of them.", .m_size = sizeof(module_state),
    .m_slots = slots, .m_traverse = module_traverse, .m_clear = module_clear, .m_free = module_free,
};

PyMODINIT_FUNC PyInit__vqz(void);
PyMODINIT_FUNC PyInit__vqz(void) { return PyModuleDef_Init(&definition); }
