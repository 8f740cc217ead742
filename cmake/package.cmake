# `cpack` in a build with -DCMAKE_INSTALL_PREFIX=/usr makes Debian packages: vqz with all that is installed, vqz-transcode with what needs FFmpeg's libraries, and vqz-gdk-pixbuf.
# They need dpkg-dev. tools/test-deb.sh tests them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vqz)
set(CPACK_PACKAGE_CONTACT "vqz maintainers <maintainers@vqz.example>" CACHE STRING "who answers for packages made by cpack")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL main)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/debian/compress.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_MAIN_PACKAGE_NAME vqz)
set(CPACK_DEBIAN_MAIN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_MAIN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/cmake/debian/triggers)
set(CPACK_DEBIAN_MAIN_PACKAGE_SUGGESTS "vqz-transcode, vqz-gdk-pixbuf")
set(CPACK_COMPONENT_MAIN_DESCRIPTION "learned image codec, the same pixels on every machine
vqz compresses pictures with a small neural network in integer arithmetic:
a file decodes to the same pixels on every machine, without a GPU.

This package has the program, the library and what is needed to build with it.")
if(TIFF_FOUND)
  list(APPEND recommended libtiff6)
endif()
if(HEIF_FOUND)
  list(APPEND recommended libheif1)
endif()
string(REPLACE ";" ", " CPACK_DEBIAN_MAIN_PACKAGE_RECOMMENDS "${recommended}")     # loaded for the first file that needs them
configure_file(cmake/debian/changelog.in debian/changelog @ONLY)
set(documents ${CMAKE_SOURCE_DIR}/cmake/debian/copyright ${CMAKE_CURRENT_BINARY_DIR}/debian/changelog)
install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT main EXCLUDE_FROM_ALL)
if(TARGET vqz_transcode)
  list(APPEND CPACK_COMPONENTS_ALL transcode)
  set(CPACK_DEBIAN_TRANSCODE_PACKAGE_NAME vqz-transcode)
  set(CPACK_DEBIAN_TRANSCODE_PACKAGE_SECTION video)
  set(CPACK_DEBIAN_TRANSCODE_PACKAGE_DEPENDS "vqz (= ${PROJECT_VERSION})")
  set(CPACK_COMPONENT_TRANSCODE_DESCRIPTION "turns films into vqz and back, with FFmpeg's libraries
The command `vqz transcode` of vqz, the learned image codec.")
  install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/vqz-transcode COMPONENT transcode EXCLUDE_FROM_ALL)
endif()
if(TARGET vqz_gdk_pixbuf)
  list(APPEND CPACK_COMPONENTS_ALL gdkpixbuf)
  set(CPACK_DEBIAN_GDKPIXBUF_PACKAGE_NAME vqz-gdk-pixbuf)
  set(CPACK_DEBIAN_GDKPIXBUF_PACKAGE_SECTION graphics)
  set(CPACK_DEBIAN_GDKPIXBUF_PACKAGE_DEPENDS "vqz (= ${PROJECT_VERSION})")      # which has the MIME type
  set(CPACK_DEBIAN_GDKPIXBUF_PACKAGE_RECOMMENDS "shared-mime-info, libgdk-pixbuf2.0-bin")
  set(CPACK_COMPONENT_GDKPIXBUF_DESCRIPTION "vqz pictures in viewers and file managers
A loader for gdk-pixbuf, and thumbnails, for vqz, the learned image codec.")
  install(FILES ${documents} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/vqz-gdk-pixbuf COMPONENT gdkpixbuf EXCLUDE_FROM_ALL)
endif()
include(CPack)
