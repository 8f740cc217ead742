# Run by cpack on what it has put together: Debian wants manual pages and changelogs compressed.
file(GLOB_RECURSE texts "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*.1" "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/changelog")
execute_process(COMMAND gzip -9n -f ${texts} COMMAND_ERROR_IS_FATAL ANY)
