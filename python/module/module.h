/* vqz._vqz: contexts of the C library as Python objects, bytes in and bytes out. Python code (src/vqz/) makes pleasant things of them.
 * Only Python's stable ABI (3.11), so that one binary serves all later versions. Calls that calculate release the interpreter's lock. */
#ifndef VQZ_PYTHON_MODULE_H
#define VQZ_PYTHON_MODULE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <vqz/vqz.h>

typedef struct module_state {
    PyObject *error;             /* the class vqz.Error */
    PyTypeObject *model;
    vqz_model **builtin;         /* opened once, by the first who needs them: that takes longer than a small picture does */
} module_state;

/* Raises vqz.Error and returns NULL. `error`: what the context says, or NULL; what it says of another status is not used. */
PyObject *raise_status(PyObject *self, vqz_status status, const vqz_error *error);

/* Two threads in one context would break the library's contract, and one that waits without the lock lets others in. False: raises. */
bool context_enter(bool *busy);

/* The settings that encoder and decoder share, from keywords: converters for "O&". */
int to_uint32(PyObject *value, void *number);
int to_uint64(PyObject *value, void *number);
int to_cpu(PyObject *name, void *cpu);

/* The model of a Python object of type Model; NULL: raises TypeError. */
vqz_model *model_of(PyObject *self, PyObject *model);
/* Built-in model `index`, which lives as long as the module; NULL: raises. */
vqz_model *builtin_model(PyObject *self, uint32_t index);

extern PyType_Spec model_spec, encoder_spec, decoder_spec;
#endif
