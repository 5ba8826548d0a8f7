# add_nacre_plugin(<kind> <name> sources... [LINKS libraries...])
#
# Builds <name>.so with the flags that the plugin boundary needs and installs it to the plugin folder. `kind` is
# hypervisor, network, storage or security. The target is called nacre-plugin-<kind>-<name>. The same file serves the
# tree itself and, after `find_package(nacre)`, plugins of other projects.
#
#   NACRE_PLUGIN_OUTPUT_DIR   where the .so is built: <it>/<kind>/<name>.so (default: <build dir>/plugins)
#   NACRE_PLUGIN_INSTALL_DIR  where it is installed; below it come the kinds (default after find_package: the folder
#                             where the Nacre that was found looks for plugins)

include_guard(DIRECTORY)
include(CheckCXXCompilerFlag)
include(GNUInstallDirs)

set(NACRE_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/nacre-plugin.map)
if(NOT DEFINED NACRE_PLUGIN_INSTALL_DIR)
  set(NACRE_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/nacre/plugins)
endif()

# GCC alone knows it. Without it a template's static in a plugin becomes one object for the whole process.
get_property(nacre_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if("CXX" IN_LIST nacre_languages)
  check_cxx_compiler_flag(-fno-gnu-unique NACRE_HAS_NO_GNU_UNIQUE)
endif()

function(add_nacre_plugin kind name)
  if(NOT kind MATCHES "^(hypervisor|network|storage|security)$")
    message(FATAL_ERROR "add_nacre_plugin: there is no kind \"${kind}\"; use hypervisor, network, storage or security")
  endif()
  string(LENGTH "${name}" length)
  if(NOT name MATCHES "^[a-z0-9-]+$" OR length GREATER 31)
    message(FATAL_ERROR "add_nacre_plugin: bad name \"${name}\": use 1 to 31 of a-z, 0-9 and -")
  endif()
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "LINKS")

  set(target nacre-plugin-${kind}-${name})
  add_library(${target} MODULE ${ARG_UNPARSED_ARGUMENTS})
  set(output ${NACRE_PLUGIN_OUTPUT_DIR})
  if(NOT output)
    set(output ${PROJECT_BINARY_DIR}/plugins)
  endif()
  set_target_properties(${target} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} SUFFIX .so NO_SONAME ON
    LIBRARY_OUTPUT_DIRECTORY ${output}/${kind}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LINK_DEPENDS ${NACRE_PLUGIN_VERSION_SCRIPT})
  if(CMAKE_CXX_COMPILER_LOADED)
    target_compile_features(${target} PRIVATE cxx_std_20)
  endif()
  if(CMAKE_C_COMPILER_LOADED)
    target_compile_features(${target} PRIVATE c_std_11)
  endif()
  target_link_libraries(${target} PRIVATE nacre::plugin ${ARG_LINKS})
  if(NACRE_HAS_NO_GNU_UNIQUE)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
  # One export; every symbol resolved now, at link time and at load time.
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${NACRE_PLUGIN_VERSION_SCRIPT}
    -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -Wl,--as-needed)
  if(NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=") # the sanitizers' symbols are the program's
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  install(TARGETS ${target} LIBRARY DESTINATION ${NACRE_PLUGIN_INSTALL_DIR}/${kind})
endfunction()
