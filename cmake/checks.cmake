# Tests that look at what was built: hardening, exported symbols, the rules of the library; and at the tools that do so.
set(tools ${CMAKE_COMMAND} -E env CC=${CMAKE_C_COMPILER} NM=${CMAKE_NM} OBJDUMP=${CMAKE_OBJDUMP})
if(NOT CMAKE_CROSSCOMPILING AND NOT VQZ_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  file(GLOB headers CONFIGURE_DEPENDS include/vqz/*.h)
  add_test(NAME symbols COMMAND ${tools} bash ${CMAKE_SOURCE_DIR}/tools/symbols.sh $<TARGET_FILE:vqz> $<TARGET_FILE:vqz_static> ${headers})
  add_test(NAME test_symbols COMMAND bash ${CMAKE_SOURCE_DIR}/tests/test_symbols.sh ${CMAKE_C_COMPILER} ${CMAKE_SOURCE_DIR}/tools/symbols.sh)
  add_test(NAME test_hardening COMMAND bash ${CMAKE_SOURCE_DIR}/tests/test_hardening.sh ${CMAKE_C_COMPILER} ${CMAKE_SOURCE_DIR}/tools/hardening.sh)
  if(VQZ_HARDENING)
    add_test(NAME hardening COMMAND ${tools} bash ${CMAKE_SOURCE_DIR}/tools/hardening.sh $<TARGET_FILE:vqz_cli> $<TARGET_FILE:vqz>
      $<$<TARGET_EXISTS:vqz_transcode>:$<TARGET_FILE:vqz_transcode>>)
  endif()
endif()
