# The built-in models: hashed and proven by a program of the build (models/prove.c), so that the library need not do it when it
# loads them. A cross build runs that program in the toolchain's emulator, or takes one from a build on this machine
# (-DVQZ_PROVE_MODEL=PATH); without either the library checks its models as it would any other.
set(VQZ_PROVE_MODEL "" CACHE FILEPATH "prove_model of a build for this machine (cross builds)")
set(base ${CMAKE_SOURCE_DIR}/models/base.vqzm)
set(psnr ${CMAKE_SOURCE_DIR}/models/psnr.vqzm)
set(proof ${CMAKE_BINARY_DIR}/generated/builtin_proof.h)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/generated)
if(VQZ_PROVE_MODEL)
  add_custom_command(OUTPUT ${proof} COMMAND ${VQZ_PROVE_MODEL} ${proof} BASE ${base} PSNR ${psnr} DEPENDS ${VQZ_PROVE_MODEL} ${base} ${psnr} VERBATIM)
elseif(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  file(GENERATE OUTPUT ${proof} CONTENT "#define VQZ_BUILTIN_BASE_PROOF {0, {0}}\n#define VQZ_BUILTIN_PSNR_PROOF {0, {0}}\n")
else()
  add_library(vqz_unproven STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:vqz_objects>)   # the linker takes what opening a model needs
  add_executable(prove_model models/prove.c)
  target_include_directories(prove_model PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(prove_model PRIVATE vqz_unproven Threads::Threads)
  add_custom_command(OUTPUT ${proof} COMMAND prove_model ${proof} BASE ${base} PSNR ${psnr} DEPENDS prove_model ${base} ${psnr} VERBATIM)
endif()
set_source_files_properties(models/builtin.S PROPERTIES OBJECT_DEPENDS "${base};${psnr}" COMPILE_OPTIONS "-I${CMAKE_SOURCE_DIR}/models")
add_library(vqz_builtin OBJECT codec/model/registry.c models/builtin.S ${proof})
target_include_directories(vqz_builtin PRIVATE ${CMAKE_BINARY_DIR}/generated)
