#!/usr/bin/env node
import '../dist/vzdump-format.js';
