# vqz-count for training/: cmake -DVQZ_BUILD_TRAINING=ON. The tests of training/ need it too.
option(VQZ_BUILD_TRAINING "build the tool that training/ counts symbols with" OFF)
if(VQZ_BUILD_TRAINING OR VQZ_BUILD_TESTS)
  add_executable(vqz_count training/count/main.c training/count/counts.c)
  set_target_properties(vqz_count PROPERTIES OUTPUT_NAME vqz-count)
  target_include_directories(vqz_count PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(vqz_count PRIVATE vqz_static)
endif()
