# What `cmake --install` puts where, and the check that an installed vqz can be used.
include(CMakePackageConfigHelpers)

install(TARGETS vqz vqz_static EXPORT vqzTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/vqz/vqz.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vqz)
install(FILES data/vqz.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages)   # then: update-mime-database
install(FILES data/vqz.magic DESTINATION ${CMAKE_INSTALL_DATADIR}/vqz)           # file(1) reads one compiled list; this is for `file -m`
if(TARGET vqz_transcode)
  install(TARGETS vqz_transcode RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT transcode)   # `vqz transcode` looks for it beside vqz
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/vqz-transcode.1 ".so man1/vqz.1\n")
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vqz-transcode.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT transcode)
endif()
if(TARGET vqz_cli)
  install(TARGETS vqz_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(NOT CMAKE_CROSSCOMPILING)   # the program writes its own manual page and completions
    set(completions ${CMAKE_CURRENT_BINARY_DIR}/completions)
    file(MAKE_DIRECTORY ${completions})
    add_custom_command(TARGET vqz_cli POST_BUILD VERBATIM
      COMMAND vqz_cli help --man > vqz.1
      COMMAND vqz_cli help --completion bash > completions/vqz
      COMMAND vqz_cli help --completion zsh > completions/_vqz
      COMMAND vqz_cli help --completion fish > completions/vqz.fish)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vqz.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${completions}/vqz DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    set(zsh site-functions)
    if(EXISTS /etc/debian_version AND CMAKE_INSTALL_PREFIX STREQUAL "/usr")
      set(zsh vendor-completions)
    endif()
    install(FILES ${completions}/_vqz DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${zsh})
    install(FILES ${completions}/vqz.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  endif()
endif()

set(VQZ_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/vqz)
install(EXPORT vqzTargets NAMESPACE vqz:: DESTINATION ${VQZ_CMAKE_DIR})
configure_package_config_file(cmake/vqzConfig.cmake.in vqzConfig.cmake INSTALL_DESTINATION ${VQZ_CMAKE_DIR})
write_basic_package_version_file(vqzConfigVersion.cmake COMPATIBILITY SameMinorVersion)   # major 0: minors may break
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vqzConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/vqzConfigVersion.cmake
  DESTINATION ${VQZ_CMAKE_DIR})
configure_file(cmake/vqz.pc.in vqz.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vqz.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Installs into a scratch folder, builds examples/ against it with CMake and with pkg-config, and runs them.
# A program built without sanitizers cannot use a library built with them.
if(VQZ_BUILD_TESTS AND NOT VQZ_SANITIZE)
  add_test(NAME installed_package
    COMMAND ${CMAKE_SOURCE_DIR}/tests/test_package.sh ${CMAKE_COMMAND} ${CMAKE_GENERATOR} ${CMAKE_BINARY_DIR} ${CMAKE_C_COMPILER})
  set_tests_properties(installed_package PROPERTIES TIMEOUT 300 LABELS program)
endif()
