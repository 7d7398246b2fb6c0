/// The version of this release. scripts/check-version compares it with debian/changelog.
let version = "1.1.0"
