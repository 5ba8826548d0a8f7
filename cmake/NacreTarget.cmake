# Settings and helpers shared by every target of the tree.

# Where things are at run time. Compiled in: no environment variable selects a path.
set(NACRE_PRIVATE_LIB_DIR ${CMAKE_INSTALL_FULL_LIBDIR}/nacre)
set(NACRE_PLUGIN_DIR ${NACRE_PRIVATE_LIB_DIR}/plugins)
set(NACRE_LIBEXEC_DIR ${CMAKE_INSTALL_FULL_LIBEXECDIR}/nacre)
set(NACRE_DATA_DIR ${CMAKE_INSTALL_FULL_DATADIR}/nacre)
set(NACRE_SYSCONF_DIR ${CMAKE_INSTALL_FULL_SYSCONFDIR}/nacre)
set(NACRE_DEFAULTS_DIR ${CMAKE_INSTALL_FULL_DATADIR}/defaults/nacre)
set(NACRE_SHIM_PATH ${CMAKE_INSTALL_FULL_BINDIR}/containerd-shim-nacre-v2)

# Static: dynamic Boost and protobuf cost a short-lived program millions of instructions before main.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 CONFIG REQUIRED COMPONENTS json program_options)

# What the compiler and linker are told for all of our code, the guest's too.
add_library(nacre_compiler_flags INTERFACE)
target_compile_options(nacre_compiler_flags INTERFACE
  -Wall -Wextra -Wpedantic $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local> -Wnon-virtual-dtor -fstack-protector-strong
  -ffunction-sections -fdata-sections)
target_link_options(nacre_compiler_flags INTERFACE -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)
if(NACRE_WERROR)
  target_compile_options(nacre_compiler_flags INTERFACE -Werror)
endif()
if(NACRE_FAILPOINTS)
  target_compile_definitions(nacre_compiler_flags INTERFACE NACRE_FAILPOINTS=1)
endif()

# The host's code: the same, and the core's include folders.
add_library(nacre_flags INTERFACE)
target_link_libraries(nacre_flags INTERFACE nacre_compiler_flags)
target_include_directories(nacre_flags INTERFACE ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/core/include)

# nacre_library(base SOURCES a.cpp b.cpp LINKS PUBLIC x PRIVATE y)
function(nacre_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(nacre_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(nacre_${name} PUBLIC nacre_flags)
  if(ARG_LINKS)
    target_link_libraries(nacre_${name} ${ARG_LINKS})
  endif()
endfunction()

# Generated code (protobuf, gRPC) is not ours to lint: system include folder, no warnings.
function(nacre_quiet_generated target dir)
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC ${dir})
endfunction()
