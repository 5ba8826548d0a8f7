# Manual pages and completion scripts are made by a program that links the command line's own option tables. Where what
# is built cannot run here (cross compilation without an emulator), they are left out.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "no manual pages and completion scripts: nacre-manual cannot run on this machine")
  return()
endif()

set(manual ${CMAKE_CURRENT_BINARY_DIR}/manual)
add_executable(nacre-manual
  manual/main.cpp manual/man_page.cpp manual/verb_words.cpp
  manual/bash_completion.cpp manual/fish_completion.cpp manual/zsh_completion.cpp)
target_link_libraries(nacre-manual PRIVATE nacre_cli)
add_custom_command(OUTPUT ${manual}/stamp
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual} # a verb that went leaves no page
  COMMAND nacre-manual ${manual}
  COMMAND ${CMAKE_COMMAND} -E touch ${manual}/stamp
  DEPENDS nacre-manual VERBATIM)
add_custom_target(manual ALL DEPENDS ${manual}/stamp)

install(DIRECTORY ${manual}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${manual}/bash/nacre DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${manual}/zsh/_nacre DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${manual}/fish/nacre.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
