throw new Error('planted: this file cannot be loaded');
