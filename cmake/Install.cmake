# cmake --install, and a Debian package: cpack --config build/release/CPackConfig.cmake
include(GNUInstallDirs)

install(TARGETS seedcast seedcast-coordinator seedcast-worker RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast)
install(FILES README.md ARCHITECTURE.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast)
include(cmake/ManPages.cmake)
install(FILES cli/completion/seedcast.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME seedcast)
install(FILES cli/completion/seedcast.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES cli/completion/seedcast.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _seedcast)
install(FILES deploy/systemd/seedcast-coordinator.service deploy/systemd/seedcast-worker.service
  DESTINATION lib/systemd/system)
install(FILES deploy/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME seedcast.conf)
install(FILES deploy/README.md deploy/METRICS.md deploy/RUNBOOK.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast/deploy)
install(DIRECTORY deploy/config deploy/prometheus deploy/grafana DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast/deploy)
install(FILES deploy/debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/seedcast)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME seedcast)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "seedcast maintainers <maintainers@seedcast.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "distributed training with evolution strategies")
set(CPACK_PACKAGE_DESCRIPTION "A coordinator sends seeds and parameter versions to workers, which rebuild the
noise from the seeds, evaluate fitness and send back scalars. Workers come
and go; the result is the same, bit for bit. Needs a processor with AVX2 and
FMA.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/deploy/debian/postinst ${PROJECT_SOURCE_DIR}/deploy/debian/prerm ${PROJECT_SOURCE_DIR}/deploy/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
