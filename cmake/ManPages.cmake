# Man pages from --help, by help2man where it is installed; a build without it has no man pages.
find_program(HELP2MAN help2man)
set(SEEDCAST_COMMANDS run submit list show watch pause resume cancel fork evaluate compare export verify cluster certs doctor
  completion version)

function(seedcast_man_page page target command)
  set(output ${PROJECT_BINARY_DIR}/man/${page}.1)
  add_custom_command(OUTPUT ${output}
    COMMAND ${PROJECT_SOURCE_DIR}/cmake/man_page.sh ${output} $<TARGET_FILE:${target}> ${command}
    DEPENDS ${target} ${PROJECT_SOURCE_DIR}/cmake/man_page.sh ${PROJECT_SOURCE_DIR}/cmake/man_see_also.h2m
    VERBATIM)
  set_property(GLOBAL APPEND PROPERTY SEEDCAST_MAN_PAGES ${output})
endfunction()

if(HELP2MAN)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
  foreach(target seedcast seedcast-coordinator seedcast-worker)
    seedcast_man_page(${target} ${target} "")
  endforeach()
  foreach(command ${SEEDCAST_COMMANDS})
    seedcast_man_page(seedcast-${command} seedcast ${command})
  endforeach()
  get_property(pages GLOBAL PROPERTY SEEDCAST_MAN_PAGES)
  add_custom_target(man ALL DEPENDS ${pages})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
