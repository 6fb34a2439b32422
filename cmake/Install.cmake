# cmake --install, and a Debian package: cpack --config build/release/CPackConfig.cmake -G DEB
include(GNUInstallDirs)

install(TARGETS seedcast seedcast-coordinator seedcast-worker RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast)
install(FILES README.md ARCHITECTURE.md LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast)
install(FILES cli/completion/seedcast.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME seedcast)
install(FILES cli/completion/seedcast.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES cli/completion/seedcast.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _seedcast)
install(FILES deploy/systemd/seedcast-coordinator.service deploy/systemd/seedcast-worker.service
  DESTINATION lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME seedcast)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "seedcast maintainers <maintainers@seedcast.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Distributed training with evolution strategies")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
include(CPack)
