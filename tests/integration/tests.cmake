orcio_integration_test(ssh_test integration/ssh_test.cc)
