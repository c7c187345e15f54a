# shellcheck shell=bash
# The stand-in's own names: it is made of Debian's packages and is not the GNOME runtime.
# shellcheck disable=SC2034 # used where this file is read
STAND_IN_PLATFORM=in.ac.gehu.DebianPlatform
STAND_IN_SDK=in.ac.gehu.DebianSdk
STAND_IN_BRANCH=13
