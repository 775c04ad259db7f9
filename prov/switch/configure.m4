dnl SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
dnl
dnl What the provider needs to be built: libfabric's public headers, uthash,
dnl POSIX threads, and the Linux descriptors that its wait objects consist of.

AC_DEFUN([SWITCH_CONFIGURE], [
	PKG_CHECK_MODULES([LIBFABRIC], [libfabric >= 1.17], [],
		[AC_MSG_ERROR([libfabric 1.17 or later is needed (Debian and Ubuntu: libfabric-dev)])])
	LIBFABRIC_VERSION=`$PKG_CONFIG --modversion libfabric`
	AC_SUBST([LIBFABRIC_VERSION])

	switch_saved_cppflags=$CPPFLAGS
	CPPFLAGS="$CPPFLAGS $LIBFABRIC_CFLAGS"
	AC_CHECK_HEADERS([rdma/fabric.h rdma/providers/fi_prov.h rdma/providers/fi_log.h], [],
		[AC_MSG_ERROR([the headers of libfabric are incomplete (Debian and Ubuntu: libfabric-dev)])])
	CPPFLAGS=$switch_saved_cppflags

	AC_CHECK_HEADERS([uthash.h], [],
		[AC_MSG_ERROR([uthash.h is needed (Debian and Ubuntu: uthash-dev)])])
	AC_CHECK_HEADERS([sys/queue.h sys/epoll.h sys/eventfd.h sys/timerfd.h sys/random.h], [],
		[AC_MSG_ERROR([a header of the Linux C library is missing])])

	switch_saved_libs=$LIBS
	AC_SEARCH_LIBS([pthread_create], [pthread],
		[AS_CASE([$ac_cv_search_pthread_create],
			["none required"], [PTHREAD_LIBS=],
			[PTHREAD_LIBS=$ac_cv_search_pthread_create])],
		[AC_MSG_ERROR([POSIX threads are needed])])
	LIBS=$switch_saved_libs
	AC_SUBST([PTHREAD_LIBS])

	dnl The symbol map is passed to the linker only where it understands it.
	AC_MSG_CHECKING([whether the linker takes a version script])
	switch_saved_ldflags=$LDFLAGS
	LDFLAGS="$LDFLAGS -Wl,--version-script=$srcdir/prov/switch/switch.map -shared -fPIC"
	AC_LINK_IFELSE([AC_LANG_SOURCE([int fi_prov_ini(void); int fi_prov_ini(void) { return 0; }])],
		[switch_have_map=yes], [switch_have_map=no])
	LDFLAGS=$switch_saved_ldflags
	AC_MSG_RESULT([$switch_have_map])
	AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test "x$switch_have_map" = xyes])
])
