# What makes a defect harder to exploit, as far as the compiler knows it; tools/hardening.sh looks for it in what was built.
# Distributions that bring flags of their own: -DVQZ_HARDENING=OFF.
option(VQZ_HARDENING "stack protection, fortified string functions, position-independent programs, read-only relocations" ON)
if(VQZ_HARDENING)
  set(flags -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i.86")
    list(APPEND flags -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
    list(APPEND flags -mbranch-protection=standard)
  endif()
  foreach(flag ${flags})
    string(MAKE_C_IDENTIFIER "VQZ_HAS${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
      add_compile_options(${flag})
    endif()
  endforeach()
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
  if(NOT VQZ_SANITIZE AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize")   # sanitizers check these functions themselves, and are linked into programs only
    set(fortified "$<AND:$<COMPILE_LANGUAGE:C>,$<CONFIG:Release,RelWithDebInfo,MinSizeRel>>")   # needs optimisation
    add_compile_options("$<${fortified}:-U_FORTIFY_SOURCE>" "$<${fortified}:-D_FORTIFY_SOURCE=3>")   # where there is no 3, it means 2
    add_link_options(-Wl,-z,defs)
  endif()
endif()
